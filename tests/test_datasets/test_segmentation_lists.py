"""Pictures of a list with masks for a segmentor: what is listed, read, and refused."""

import json
import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from edits import error_of
from mmengine.config import Config
from mmseg.datasets import BaseSegDataset, PascalVOCDataset
from releases import write_lines, write_picture

from bas_mm.command_line.truth_masks import find_truth_masks
from bas_mm.datasets import AnnotationError, UnreadableImageError
from bas_mm.datasets.label_lists import read_ids
from bas_mm.datasets.transforms import LoadLabelMap
from bas_mm.registry import DATASETS
from bas_mm.utils.palette import encode_palette_png

BASES = Path(__file__).resolve().parents[2] / 'configs/_base_/datasets'
LIST = {'voc12': 'ImageSets/Segmentation/train_aug.txt', 'coco14': 'labels/train2014_ids.txt'}
STOCK = {'voc12': PascalVOCDataset, 'coco14': BaseSegDataset}
IDS = ('c', 'a', 'b')


@pytest.fixture(params=LIST)
def cfg(request, tmp_path, monkeypatch):
    """The training set of a base config, with three pictures and their masks."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(BASES / f'{request.param}_pseudo.py')
    dataset = cfg.train_dataloader.dataset
    for seed, image_id in enumerate(IDS):
        write_picture(Path(dataset.data_prefix.img_path, f'{image_id}.jpg'), 20, 12, seed)
        _write_mask(dataset, image_id, seed)
    Path(dataset.ann_file).parent.mkdir(parents=True)
    write_lines(Path(dataset.ann_file), IDS)
    return dataset


def _mask(cfg, image_id) -> Path:
    return Path(cfg.data_prefix.seg_map_path, f'{image_id}.png')


def _write_mask(cfg, image_id, value, size=(12, 20)) -> None:
    mask = np.full(size, value, np.uint8)
    mask[:3] = 255
    _mask(cfg, image_id).parent.mkdir(parents=True, exist_ok=True)
    _mask(cfg, image_id).write_bytes(encode_palette_png(mask))


def _read(cfg, **kwargs) -> BaseSegDataset:
    """Of the pipeline what loads."""
    return DATASETS.build({**cfg, 'pipeline': cfg.pipeline[:2], **kwargs})


def _read_stock(cfg, **kwargs) -> BaseSegDataset:
    loads = [dict(type='LoadLocImage'), dict(type='mmseg.LoadAnnotations')]
    return _read(cfg, pipeline=loads, **kwargs)


def test_samples_are_those_of_mmsegmentation(cfg):
    own = _read(cfg)
    kind = next(kind for name, kind in STOCK.items() if name in cfg.data_prefix.seg_map_path)
    stock = _read_stock(cfg, type=kind)
    assert own.metainfo == stock.metainfo
    assert len(own) == len(stock) == 3
    for index in range(3):
        one, other = dict(own[index]), stock[index]
        assert one.pop('num_classes') == len(own.metainfo['classes'])
        assert one.keys() == other.keys()
        for key, value in other.items():
            np.testing.assert_array_equal(one[key], value)
        assert one['gt_seg_map'].dtype == other['gt_seg_map'].dtype


@pytest.mark.parametrize(
    'renumbered',
    [
        dict(metainfo=dict(classes=('background', 'cat', 'bicycle', 'aeroplane'))),
        dict(reduce_zero_label=True),
    ],
    ids=['classes', 'zero'],
)
def test_classes_are_numbered_as_mmsegmentation_does(cfg, renumbered):
    values = np.arange(21, dtype=np.uint8).repeat(20).reshape(21, 20)
    values[20] = 255
    write_picture(Path(cfg.data_prefix.img_path, 'a.jpg'), 20, 21, 0)
    _mask(cfg, 'a').write_bytes(encode_palette_png(values))
    cfg.type = 'VOC12Segmentation'
    cfg.pop('metainfo', None)
    found = _read(cfg, **renumbered)[1]['gt_seg_map']
    stock = _read_stock(cfg, **renumbered)[1]['gt_seg_map']
    assert not np.array_equal(found, values)
    np.testing.assert_array_equal(found, stock)


def test_masks_of_classes_in_another_order_are_refused(cfg):
    noted = _mask(cfg, 'a').with_name('masks.json')
    background, *classes = _read(cfg).metainfo['classes']
    assert background == 'background'

    def build(names, **kwargs) -> None:
        noted.write_text(json.dumps(dict(classes=names)))
        assert len(_read(cfg, **kwargs)) == 3

    swapped = [*classes[1::-1], *classes[2:]]
    build(classes)
    build([str(index) for index in range(len(classes))])
    says = r'another order than .*masks\.json: class 0, counted from 0, .* make the masks anew$'
    with pytest.raises(AnnotationError, match=says):
        build(swapped)
    # mmsegmentation renumbers masks that are in the order of PASCAL VOC; others it takes as told.
    own_order = dict(metainfo=dict(classes=('background', *swapped)))
    right, wrong = (classes, swapped) if cfg.type.startswith('VOC') else (swapped, classes)
    build(right, **own_order)
    with pytest.raises(AnnotationError, match=says):
        build(wrong, **own_order)
    # Without a background in the list, the first class is 1 in the files all the same.
    told = dict(metainfo=dict(classes=classes), reduce_zero_label=True, type='COCO14Segmentation')
    build(classes, **told)
    with pytest.raises(AnnotationError, match=says):
        build(swapped, **told)


def test_a_list_that_is_missing_is_named(cfg):
    Path(cfg.ann_file).unlink()
    tool = 'voc12_lists' if 'VOC' in cfg.ann_file else 'coco14_lists'
    with pytest.raises(
        AnnotationError, match=rf'{cfg.ann_file}: there is no such file.*{tool}\.py'
    ):
        _read(cfg)


def test_a_list_of_paths_gives_the_ids_that_the_other_readers_find(cfg):
    """The field's usual train_aug.txt has the paths of a picture and of its mask in a line."""
    lines = ['/JPEGImages/c.jpg /SegmentationClassAug/c.png', 'JPEGImages/a.jpg', 'b', '']
    write_lines(Path(cfg.ann_file), lines)
    args = Namespace(ids=Path(cfg.ann_file), config=None, masks=_mask(cfg, 'a').parent)
    args.classes = ['1']
    found = _read(cfg)
    assert list(find_truth_masks(args).masks) == read_ids(cfg.ann_file)[0] == list(IDS)
    for info, image_id in zip(map(found.get_data_info, range(len(found))), IDS, strict=True):
        assert info['img_path'] == str(Path(cfg.data_prefix.img_path, f'{image_id}.jpg'))
        assert info['seg_map_path'] == str(_mask(cfg, image_id))


@pytest.mark.parametrize(
    ('lines', 'expected'),
    [
        (['a', 'b 1'], ", line 2: an id, or the paths of a picture and its mask were expected: 'b"),
        (['JPEGImages/a.jpg masks/b.png'], ', line 1: an id, or the paths'),
        (['a', 'b', 'JPEGImages/a.jpg'], ', line 3: a was listed before, in line 1'),
        ([], ': the list is empty'),
    ],
)
def test_a_list_of_something_else_is_named(cfg, lines, expected):
    write_lines(Path(cfg.ann_file), lines)
    assert error_of(_read, cfg).startswith(f'{cfg.ann_file}{expected}')


def test_ids_with_blanks_and_repeated_lines_are_read_as_mmsegmentation_does(cfg):
    for image_id in ('my photo 1', 'sub 2/an  id'):
        for place in (Path(cfg.data_prefix.img_path), _mask(cfg, 'a').parent):
            suffix = 'png' if place == _mask(cfg, 'a').parent else 'jpg'
            (place / image_id).parent.mkdir(exist_ok=True)
            shutil.copy(place / f'a.{suffix}', place / f'{image_id}.{suffix}')
    write_lines(Path(cfg.ann_file), ['a', 'my photo 1', 'b', 'a', 'sub 2/an  id', 'my photo 1'])
    found, stock = _read(cfg), _read_stock(cfg)
    assert len(found) == len(stock) == 6
    for index in range(6):
        one, other = found.get_data_info(index), stock.get_data_info(index)
        assert one['img_path'] == other['img_path']
        assert one['seg_map_path'] == other['seg_map_path']
        assert found[index]['img'].shape == (12, 20, 3)


def test_the_advice_for_lines_that_are_refused(cfg):
    write_lines(Path(cfg.ann_file), ['a', 'my photo'])
    path = Path(cfg.data_prefix.img_path, 'my photo.jpg')
    assert error_of(_read, cfg).endswith(f'; as an id with blanks it has no picture {path}')
    write_lines(Path(cfg.ann_file), ['c', 'x/a.jpg', 'c', 'y/a.jpg'])
    message = error_of(_read, cfg)
    assert ', line 4: a was listed before, in line 2' in message
    assert message.endswith('or write both alike if they mean one picture')


def test_masks_that_are_missing_are_named(cfg):
    _mask(cfg, 'a').unlink()
    message = r'masks: 1 of 3 pictures have no mask, the first is a\.png\. .*wsss/make_masks\.py'
    with pytest.raises(AnnotationError, match=message):
        _read(cfg)
    shutil.rmtree(_mask(cfg, 'a').parent)
    with pytest.raises(AnnotationError, match=r'masks: 3 of 3 .* the first is c\.png'):
        _read(cfg)
    # True ones are not made by that.
    with pytest.raises(AnnotationError, match=r'\. (?!.*make_masks).*data_prefix\.seg_map_path'):
        _read(cfg, test_mode=True)


@pytest.mark.parametrize('test_mode', [False, True])
def test_a_set_without_a_folder_of_masks(cfg, test_mode):
    cfg.data_prefix.pop('seg_map_path')
    found = _read(cfg, test_mode=test_mode)
    picture = Path(cfg.data_prefix.img_path, 'c.jpg')
    with pytest.raises(AnnotationError, match=rf'{picture} has no .* data_prefix\.seg_map_path'):
        found[0]
    # As is advised where there are none.
    assert _read(cfg, test_mode=test_mode, pipeline=cfg.pipeline[:1])[0]['img'].shape[2] == 3


def test_masks_in_folders_below(cfg):
    for folder, suffix in ((cfg.data_prefix.img_path, 'jpg'), (_mask(cfg, 'a').parent, 'png')):
        Path(folder, 'sub').mkdir()
        Path(folder, f'a.{suffix}').rename(Path(folder, f'sub/a.{suffix}'))
    write_lines(Path(cfg.ann_file), ['sub/a', 'b'])
    assert _read(cfg)[0]['gt_seg_map'].max() == 255
    _mask(cfg, 'sub/a').unlink()
    with pytest.raises(AnnotationError, match=r'1 of 2 .* the first is sub/a\.png'):
        _read(cfg)


def test_a_damaged_mask_is_named(cfg):
    path = _mask(cfg, 'a')
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UnreadableImageError, match=r'masks/a\.png'):
        _read(cfg)[1]


def test_a_value_that_is_no_class_is_named(cfg):
    count = len(_read(cfg).metainfo['classes'])
    _write_mask(cfg, 'a', count)
    message = rf'a\.png has the value {count}, but there are {count} classes .* 0 to {count - 1},'
    with pytest.raises(AnnotationError, match=message):
        _read(cfg)[1]
    _write_mask(cfg, 'a', count - 1)
    assert set(np.unique(_read(cfg)[1]['gt_seg_map'])) == {count - 1, 255}


def test_the_embedded_masks_are_loaded_alike():
    cfg = Config.fromfile(BASES / 'embedded_pseudo.py')
    for pipeline in (cfg.train_pipeline, cfg.test_pipeline):
        assert [step.type for step in pipeline[:2]] == ['LoadLocImage', 'LoadLabelMap']


def test_a_value_of_renumbered_masks_is_named_as_it_is_in_the_file(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(encode_palette_png(np.full((2, 3), 200, np.uint8)))
    results = dict(
        seg_map_path=str(path), img_shape=(2, 3), num_classes=150, reduce_zero_label=True
    )
    with pytest.raises(AnnotationError, match='has the value 200, but there are 150 classes after'):
        LoadLabelMap().transform(results)
