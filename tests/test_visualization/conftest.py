import pytest

from bas_mm.visualization.functional import add_caption


@pytest.fixture
def captions_of(monkeypatch):
    """Note the captions that a module writes: ``captions_of(module)`` is a list that fills."""

    def watch(module) -> list:
        said = []

        def note(image, lines, count):
            said.append((lines, count))
            return add_caption(image, lines, count)

        monkeypatch.setattr(module, 'add_caption', note)
        return said

    return watch
