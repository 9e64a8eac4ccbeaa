"""The generated set in VOC layout: its files agree with each other, and other readers read them."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmseg.datasets import PascalVOCDataset
from PIL import Image

from bas_mm.datasets import SyntheticScenes, VOC12MultiLabel
from bas_mm.datasets.synthetic import (
    SceneParams,
    SceneSetParams,
    make_scene,
    require_scenes,
    scene_class_names,
    scene_set_name,
    scene_writer,
)
from bas_mm.datasets.synthetic.scene import draw_labels

SMALL = dict(num_train=18, num_val=6, image_size=(60, 76))
PARAMS = SceneSetParams(num_images=(18, 6), scene=SceneParams(image_size=(60, 76)))
NAMES = scene_class_names(4)


def _build(split, cache, **kwargs):
    return SyntheticScenes(split, data_root=str(cache), **{**SMALL, **kwargs})


def _digest(root):
    digest = hashlib.sha256()
    files = sorted(path for path in Path(root).rglob('*') if path.is_file())
    assert files
    for file in files:
        digest.update(str(file.relative_to(root)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scenes')
    require_scenes(str(folder), PARAMS)
    return folder


@pytest.fixture(scope='module')
def root(cache):
    return cache / scene_set_name(PARAMS)


def test_same_parameters_same_bytes(root, tmp_path):
    assert _digest(require_scenes(str(tmp_path), PARAMS)) == _digest(root)
    other = SceneSetParams(num_images=(18, 6), seed=1, scene=PARAMS.scene)
    assert scene_set_name(other) != scene_set_name(PARAMS)
    assert not np.array_equal(
        make_scene(other, 'val', 0).owners, make_scene(PARAMS, 'val', 0).owners
    )


def test_number_of_pictures_leaves_the_first_ones_alone(root):
    more = SceneSetParams(num_images=(30, 30), scene=PARAMS.scene)
    scene = make_scene(more, 'val', 5)
    picture = cv2.imread(str(root / 'JPEGImages' / 'val_00005.jpg'))
    # JPEG keeps the light better than the colours.
    grey, expected = (cv2.cvtColor(img, cv2.COLOR_BGR2GRAY) for img in (picture, scene.image))
    assert np.abs(grey.astype(int) - expected).mean() < 2
    assert not np.array_equal(make_scene(more, 'train', 5).owners, scene.owners)


def test_layout(root):
    ids = {
        split: [f'{split}_{i:05d}' for i in range(n)] for split, n in (('train', 18), ('val', 6))
    }
    ids['trainval'] = ids['train'] + ids['val']
    for kind in ('Main', 'Segmentation'):
        for split, members in ids.items():
            text = (root / 'ImageSets' / kind / f'{split}.txt').read_text()
            assert text.split() == members
    for folder, suffix in (
        ('JPEGImages', 'jpg'),
        ('Annotations', 'xml'),
        ('SegmentationClass', 'png'),
    ):
        names = sorted(path.name for path in (root / folder).iterdir())
        assert names == [f'{name}.{suffix}' for name in ids['trainval']]


def test_masks_boxes_sizes_and_labels_agree(cache, root):
    dataset = _build('trainval', cache)
    shapes = set()
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        name = info['image_id']
        with Image.open(root / 'SegmentationClass' / f'{name}.png') as picture:
            assert picture.mode == 'P'
            assert picture.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
            assert picture.getpalette()[-3:] == [224, 224, 192]
            mask = np.asarray(picture)
        tree = ElementTree.parse(root / 'Annotations' / f'{name}.xml').getroot()
        with Image.open(root / 'JPEGImages' / f'{name}.jpg') as picture:
            assert picture.format == 'JPEG'
            assert picture.size == mask.shape[::-1]
        size = tuple(int(tree.find(f'size/{tag}').text) for tag in ('height', 'width', 'depth'))
        assert size == (*mask.shape, 3)
        shapes.add(mask.shape)

        objects = tree.findall('object')
        labels = [NAMES.index(item.find('name').text) for item in objects]
        assert info['gt_label'] == sorted(set(labels))
        assert {0, 255} | {label + 1 for label in labels} == set(np.unique(mask))
        union = np.zeros_like(mask)
        for label, item in zip(labels, objects):
            x0, y0, x1, y1 = (
                int(item.find(f'bndbox/{tag}').text) for tag in ('xmin', 'ymin', 'xmax', 'ymax')
            )
            assert 1 <= x0 < x1 <= mask.shape[1]
            assert 1 <= y0 < y1 <= mask.shape[0]
            inside = mask[y0 - 1 : y1, x0 - 1 : x1]
            # An edge may be of the border where another animal hides a part.
            assert all(
                np.isin(edge, (label + 1, 255)).any()
                for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1])
            )
            assert (inside == label + 1).any()
            union[y0 - 1 : y1, x0 - 1 : x1] = 1
        assert not np.isin(mask[union == 0], range(1, 7)).any()
        # The border is thin: no pixel of it is all among others.
        border = (mask == 255).astype(np.uint8)
        assert not cv2.erode(border, np.ones((3, 3), np.uint8)).any()
        # No two regions touch without it.
        for a, b in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])):
            assert not ((a != b) & (a != 255) & (b != 255)).any()
    assert len({height < width for height, width in shapes}) == 2, 'landscape and portrait'
    assert len(shapes) > 4


def test_animals_leave_each_other_visible():
    for index in range(24):
        scene = make_scene(PARAMS, 'train', index)
        assert len(scene.boxes) == len(scene.labels) in (1, 2, 3)
        for number in range(1, len(scene.labels) + 1):
            assert np.count_nonzero(scene.owners == number) > 60


def test_shares_of_labels():
    """Pictures with one, two and three classes, and classes that are equally frequent."""
    rng = np.random.default_rng(3)
    drawn = [draw_labels(rng, index % 6, 6) for index in range(3000)]
    kinds = np.bincount([len(set(labels)) for labels in drawn], minlength=4) / len(drawn)
    np.testing.assert_allclose(kinds, [0, 0.4, 0.5, 0.1], atol=0.03)
    counts = np.bincount([label for labels in drawn for label in set(labels)])
    assert counts.max() < 1.15 * counts.min()
    assert all(index % 6 in labels for index, labels in enumerate(drawn))
    # The class that is always there is not always the farthest animal.
    assert 0.3 < np.mean([labels[0] == index % 6 for index, labels in enumerate(drawn)]) < 0.9
    assert max(map(len, drawn)) == 3
    assert {draw_labels(rng, 0, 2) for _ in range(50)} >= {(0,), (0, 1), (1, 0)}


def test_read_by_the_reader_of_voc(cache, root):
    dataset = _build('train', cache)
    assert dataset.metainfo['classes'] == NAMES
    assert len(dataset.metainfo['palette']) == 5
    assert len(dataset) == 18
    plain = VOC12MultiLabel(str(root), 'train', classes=NAMES)
    for index in range(18):
        info = dataset.get_data_info(index)
        assert info == plain.get_data_info(index)
        assert info['seg_map_path'].endswith(f'SegmentationClass/train_{index:05d}.png')
        assert index % 4 in info['gt_label']


class ScenesOfVOC(PascalVOCDataset):
    """mmsegmentation's reader with our classes."""

    METAINFO = dict(classes=('background', *NAMES), palette=[[i] * 3 for i in range(5)])


def test_read_by_mmsegmentation(root):
    dataset = ScenesOfVOC(
        ann_file='ImageSets/Segmentation/val.txt',
        data_root=str(root),
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[dict(type='mmcv.LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')],
    )
    assert len(dataset) == 6
    for index in range(6):
        item = dataset[index]
        assert item['img'].shape[:2] == item['gt_seg_map'].shape
        labels = make_scene(PARAMS, 'val', index).labels
        found = set(np.unique(item['gt_seg_map'])) - {0, 255}
        assert found == {label + 1 for label in labels}


def test_an_interrupted_writer_leaves_nothing(tmp_path, monkeypatch):
    write = scene_writer._write_scene

    def interrupted(root, image_id, scene, names):
        if image_id == 'train_00003':
            raise KeyboardInterrupt
        write(root, image_id, scene, names)

    with monkeypatch.context() as patch:
        patch.setattr(scene_writer, '_write_scene', interrupted)
        with pytest.raises(KeyboardInterrupt):
            _build('train', tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(_build('train', tmp_path)) == 18


def test_painted_once(cache, monkeypatch):
    def fail(*args):
        raise AssertionError('painted again')

    monkeypatch.setattr(scene_writer, 'render_scene', fail)
    assert len(_build('val', cache)) == 6
    with pytest.raises(AssertionError, match='painted again'):
        _build('val', cache, scene=dict(portrait=0.5))


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(split='test'), "split='test'.*train, val, trainval"),
        (dict(num_val=0), 'num_val must be at least 1'),
        (dict(num_classes=9), 'must be 2 to 8'),
        (dict(seed=-1), 'seed must not be negative'),
        (dict(image_size=(144, 112)), 'the shorter side comes first'),
        (dict(image_size=(30, 112)), 'at least 32 pixels'),
        (dict(scene=dict(max_scale=1.2)), 'max_scale=1.2: a range within 0 and 0.96'),
    ],
)
def test_bad_arguments(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        SyntheticScenes(**{'split': 'val', 'data_root': str(tmp_path), **SMALL, **settings})
    assert not list(tmp_path.iterdir()), 'nothing may be written'
