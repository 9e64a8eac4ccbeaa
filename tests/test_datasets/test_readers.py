"""The package of the readers, which imports them when one is asked for."""

from __future__ import annotations

import pytest

from bas_mm import datasets
from bas_mm.datasets import cub, readers, transforms


def test_names_of_the_package():
    errors = {'AnnotationError', 'UnreadableImageError'}
    assert {*datasets.__all__} == {*readers.__all__, *errors} <= {*dir(datasets)}
    for name in readers.__all__:
        assert getattr(datasets, name) is getattr(readers, name)
    assert {*transforms.__all__} <= {*dir(datasets)}
    for name in transforms.__all__:
        assert getattr(datasets, name) is getattr(transforms, name)
    for name in ('Nothing', 'nothing'):
        with pytest.raises(AttributeError, match=f"'bas_mm.datasets' has no attribute '{name}'"):
            getattr(datasets, name)


def test_modules_of_the_package(monkeypatch):
    """They are found where nothing has imported them into the package yet."""
    monkeypatch.delattr(datasets, 'transforms')
    monkeypatch.delattr(datasets, 'cub')
    assert datasets.transforms is transforms
    assert datasets.cub is cub
