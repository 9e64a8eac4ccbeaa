"""Sets that open a file per picture: the disk of a network is asked for several at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from releases import write_cars, write_dogs, write_ilsvrc
from segmentation_sets import write_voc

from bas_mm.datasets import (
    ILSVRCRelease,
    SplitFolder,
    StanfordCars,
    StanfordDogs,
    VOC12MultiLabel,
    picture_size,
    voc_xml,
)
from bas_mm.utils import bounded_threads


def of_ilsvrc(root: Path) -> ILSVRCRelease:
    return ILSVRCRelease('val', data_root=str(write_ilsvrc(root)), classes=3)


def of_dogs(root: Path) -> StanfordDogs:
    return StanfordDogs('test', data_root=str(write_dogs(root)))


def of_cars(root: Path) -> StanfordCars:
    return StanfordCars('test', data_root=str(write_cars(root)))


def of_voc(root: Path) -> VOC12MultiLabel:
    return VOC12MultiLabel(data_root=str(write_voc(root)))


@pytest.fixture
def met(monkeypatch) -> list[bool]:
    """Of each file that is opened: whether another one is, too, before it is."""
    begun, second, found = [], Event(), []

    def wait(*args, **kwargs):
        begun.append(True)
        if len(begun) > 1:
            second.set()
        found.append(second.wait(5))
        return open(*args, **kwargs)

    monkeypatch.setattr(bounded_threads, '_TOGETHER', 1)
    for module in (picture_size, voc_xml):
        monkeypatch.setattr(module, 'open', wait, raising=False)
    return found


@pytest.mark.parametrize('build', [of_ilsvrc, of_dogs, of_cars, of_voc])
def test_releases(tmp_path: Path, met: list[bool], build: Callable):
    assert len(build(tmp_path)) >= 2
    assert {*met} == {True}


def test_split_folders_without_sizes(split_writer, met):
    (split_writer.write_good() / 'image_sizes.txt').unlink()
    root = str(split_writer.root)
    prefix = dict(img_path='images')
    dataset = SplitFolder('metadata/train', data_root=root, data_prefix=prefix, classes=2)
    assert len(dataset) == 3
    assert {*met} == {True}
