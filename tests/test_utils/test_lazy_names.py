"""Packages that import their modules when a name of them is asked for."""

import sys
from importlib import import_module

import pytest


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / 'lazy_package_of_this_test'
    folder.mkdir()
    (folder / '__init__.py').write_text(
        'from bas_mm.utils.lazy_names import lazy_names\n'
        "__getattr__, __dir__ = lazy_names(__name__, dict(Thing='home', other='home'))\n"
    )
    (folder / 'home.py').write_text('class Thing: ...\nother = 3\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module(folder.name)
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_a_name_imports_its_module(package):
    home = f'{package.__name__}.home'
    assert {'Thing', 'other', '__name__'} <= set(dir(package))
    assert home not in sys.modules
    assert package.other == 3
    assert package.Thing is sys.modules[home].Thing


def test_a_module_is_a_name(package):
    assert package.home is sys.modules[f'{package.__name__}.home']


def test_a_name_that_is_not_there(package):
    with pytest.raises(AttributeError, match='lazy_package_of_this_test.* has no attribute .Thin.'):
        _ = package.Thin
    assert not hasattr(package, 'Thin')
