"""How picture sets hold their dicts: mmengine's arrays, made in less memory."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from torch.utils.data import DataLoader

from bas_mm.datasets import (
    AnnotationError,
    BaseLocalizationDataset,
    BaseMultiLabelDataset,
    COCO14Segmentation,
    IRNLabelDataset,
    PseudoMaskDataset,
    VOC12Segmentation,
)
from bas_mm.datasets.pickled_pictures_mixin import PickledPicturesMixin


def localization_infos(count: int) -> list[dict]:
    """Pictures with boxes, of which each dict has its own."""
    return [
        dict(
            img_path=f'data/images/train/{i % 7}/{i}.jpg',
            image_id=f'train/{i % 7}/{i}.jpg',
            gt_label=i % 7,
            gt_bboxes=np.array([[i, 1.5, i + 4, 9.0]]),
        )
        for i in range(count)
    ]


def multi_label_infos(count: int) -> list[dict]:
    return [
        dict(img_path=f'data/images/{i}.jpg', image_id=str(i), gt_label=[i % 3, 3 + i % 4])
        for i in range(count)
    ]


class Pictures(BaseLocalizationDataset):
    """Some pictures, some of which cannot be written."""

    count, broken = 20, False

    def load_data_list(self) -> list[dict]:
        infos = localization_infos(self.count)
        if self.broken:
            infos[self.count // 2]['gt_label'] = lambda: None
        return infos


class Labelled(BaseMultiLabelDataset):
    def load_data_list(self) -> list[dict]:
        return multi_label_infos(Pictures.count)


def identity(info: dict) -> dict:
    return info


def ids_of(dataset) -> list[str]:
    return [dataset[position]['image_id'] for position in range(len(dataset))]


@pytest.mark.parametrize(
    ('kind', 'infos_of'), [(Pictures, localization_infos), (Labelled, multi_label_infos)]
)
@pytest.mark.parametrize('count', [1, 20])
def test_the_arrays_are_those_of_mmengine(kind, infos_of, count):
    dataset = kind(classes=7, lazy_init=True)
    dataset.data_list = infos_of(count)
    expected = BaseDataset._serialize_data(dataset)
    dataset.data_list = infos_of(count)
    found = dataset._serialize_data()
    for ours, theirs in zip(found, expected):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
        assert ours.flags.writeable
    assert dataset.data_list == []


def test_less_memory_than_of_mmengine():
    dataset = Pictures(classes=7, lazy_init=True)

    def peak(serialize) -> int:
        """Bytes beyond those of the dicts."""
        tracemalloc.start()
        try:
            dataset.data_list = multi_label_infos(30_000)
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            serialize(dataset)
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()

    assert peak(type(dataset)._serialize_data) < 0.1 * peak(BaseDataset._serialize_data)


@pytest.mark.parametrize(
    'kind', [COCO14Segmentation, IRNLabelDataset, PseudoMaskDataset, VOC12Segmentation]
)
def test_sets_for_segmentation_hold_them_so_too(kind):
    assert kind._serialize_data is PickledPicturesMixin._serialize_data


@pytest.mark.parametrize('kind', [Pictures, Labelled])
def test_a_set_without_pictures_is_refused(kind, monkeypatch):
    start = f'{kind.__name__} has no picture: '
    for indices in (0, []):
        with pytest.raises(AnnotationError) as info:
            kind(classes=7, indices=indices)
        assert str(info.value).startswith(f'{start}indices={indices} chooses none. Leave it out')
    monkeypatch.setattr(Pictures, 'count', 0)
    for indices in (None, 3):
        with pytest.raises(AnnotationError, match=f'^{start}none was found. Correct `ann_file`'):
            kind(classes=7, indices=indices)


@pytest.mark.parametrize('serialize_data', [True, False])
def test_parts_and_wrappers(serialize_data):
    kwargs = dict(classes=7, pipeline=[identity], serialize_data=serialize_data)
    dataset = Pictures(**kwargs)
    ids = [info['image_id'] for info in localization_infos(20)]
    assert ids_of(dataset) == ids
    assert dataset[-1]['sample_idx'] == 19
    assert ids_of(dataset.get_subset([3, -1, 3])) == [ids[3], ids[-1], ids[3]]
    assert ids_of(dataset.get_subset(4)) == ids[:4]
    assert ids_of(dataset.get_subset(-4)) == ids[-4:]
    assert ids_of(Pictures(**kwargs, indices=3)) == ids[:3]
    assert ids_of(Pictures(**kwargs, indices=[5, 2, 5])) == [ids[5], ids[2], ids[5]]
    assert ids_of(ConcatDataset([dataset, Pictures(**kwargs, indices=-2)])) == ids + ids[-2:]
    assert ids_of(RepeatDataset(dataset, 2)) == ids * 2
    assert ids_of(copy.deepcopy(dataset)) == ids_of(pickle.loads(pickle.dumps(dataset))) == ids
    dataset.get_subset_(2)
    assert ids_of(dataset) == ids[:2]


def test_in_worker_processes():
    """Of forks; others get it pickled."""
    dataset = Pictures(classes=7, pipeline=[identity])
    loader = DataLoader(dataset, num_workers=1, multiprocessing_context='fork', collate_fn=identity)
    assert [info['image_id'] for (info,) in loader] == ids_of(dataset)


def test_what_cannot_be_written(monkeypatch):
    """Nothing of the set is left, and when it can be written it is read anew."""
    monkeypatch.setattr(Pictures, 'broken', True)
    dataset = Pictures(classes=7, pipeline=[identity], lazy_init=True)
    with pytest.raises((AttributeError, pickle.PicklingError), match='lambda'):
        dataset.full_init()
    assert not dataset._fully_initialized
    monkeypatch.setattr(Pictures, 'broken', False)
    dataset.full_init()
    assert ids_of(dataset) == [info['image_id'] for info in localization_infos(20)]


@pytest.mark.parametrize('kind', [Pictures, Labelled])
def test_paths_and_numbers_of_any_kind(kind, tmp_path):
    (tmp_path / 'names.txt').write_text('a\nb\n')
    for prefix in (Path('below'), dict(img_path=Path('below'), masks=Path('/masks'), none=None)):
        dataset = kind(Path(tmp_path), prefix, Path('names.txt'), lazy_init=True)
        assert dataset.metainfo['classes'] == ('a', 'b')
        assert dataset.data_prefix['img_path'] == str(tmp_path / 'below')
        assert dataset.data_prefix.get('masks', '/masks') == '/masks'
    for given in (2, np.int64(2), np.uint8(2)):
        assert kind(classes=given, lazy_init=True).metainfo['classes'] == ('0', '1')
    for given in (['a', 'b'], np.array(['a', 'b']), iter('ab'), dict(a=0, b=1).keys()):
        names = kind(classes=given, lazy_init=True).metainfo['classes']
        assert names == ('a', 'b')
        assert {type(name) for name in names} == {str}
    assert kind(classes=[3, 7], lazy_init=True).metainfo['classes'] == ('3', '7')


@pytest.mark.parametrize('kind', [Pictures, Labelled])
def test_what_are_no_classes_and_no_folders(kind):
    others = (True, 2.0, Fraction(2), b'names.txt', [1.0], ['a', None], {'a', 'b'}, dict(a=0))
    for given in (*others, np.array(2.0), np.bool_(True)):
        with pytest.raises(AnnotationError, match='^classes=.*: give the names of the classes, as'):
            kind(classes=given, lazy_init=True)
    for given in (0, np.int64(-1)):
        with pytest.raises(AnnotationError, match='there must be at least one class'):
            kind(classes=given, lazy_init=True)
    for given in (3, b'images', ['images'], dict(img_path=3)):
        with pytest.raises(AnnotationError, match='^data_prefix=.*: give the folder of the pic'):
            kind(data_prefix=given, classes=2, lazy_init=True)
    with pytest.raises(AnnotationError, match='^data_prefix: masks=3 is no path of a folder$'):
        kind(data_prefix=dict(img_path='a', masks=3), classes=2, lazy_init=True)
