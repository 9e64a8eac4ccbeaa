"""CUB200 on a small copy of the release's layout."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from edits import replace_line
from releases import write_cub

from bas_mm.datasets import CUB200, AnnotationError

PATHS = [
    '001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg',
    '001.Black_footed_Albatross/Black_Footed_Albatross_0009_34.jpg',
    '002.Laysan_Albatross/Laysan_Albatross_0002_1027.jpg',
    '002.Laysan_Albatross/Laysan_Albatross_0001_545.jpg',
]


@pytest.fixture
def release(tmp_path: Path, make_picture) -> Path:
    """Folder CUB_200_2011 with two classes and four pictures of 60x40 pixels."""
    root = tmp_path / 'CUB_200_2011'
    for seed, path in enumerate(PATHS):
        make_picture(root / 'images' / path, 60, 40, seed=seed)
    files = dict(
        images=[f'{i} {path}' for i, path in enumerate(PATHS, 1)],
        classes=['1 001.Black_footed_Albatross', '2 002.Laysan_Albatross'],
        image_class_labels=['1 1', '2 1', '3 2', '4 2'],
        train_test_split=['1 0', '2 1', '3 0', '4 1'],
        bounding_boxes=[
            '1 6.0 2.0 32.5 27.0',
            '2 13.9 11.2 30.0 20.0',
            '3 1.0 1.0 60.0 40.0',
            '4 0.0 0.0 10.0 10.0',
        ],
    )
    for name, lines in files.items():
        (root / f'{name}.txt').write_text('\n'.join(lines) + '\n')
    return root


def test_test_split(release):
    dataset = CUB200('test', data_root=str(release), test_mode=True)
    assert dataset.metainfo['classes'] == ('Black_footed_Albatross', 'Laysan_Albatross')
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['image_id'] for info in infos] == [PATHS[0], PATHS[2]]
    assert [info['gt_label'] for info in infos] == [0, 1]
    assert Path(infos[0]['img_path']) == release / 'images' / PATHS[0]
    # x, y, width, height -> x, y, x + width, y + height; one pixel beyond is let pass.
    np.testing.assert_array_equal(infos[0]['gt_bboxes'], [[6.0, 2.0, 38.5, 29.0]])
    np.testing.assert_array_equal(infos[1]['gt_bboxes'], [[1.0, 1.0, 61.0, 41.0]])
    assert infos[0]['gt_bboxes'].dtype == np.float64


def test_train_split_with_and_without_boxes(release):
    weak = CUB200('train', data_root=str(release), with_boxes=False)
    assert [weak.get_data_info(i)['image_id'] for i in range(len(weak))] == [PATHS[1], PATHS[3]]
    assert 'gt_bboxes' not in weak.get_data_info(0)
    full = CUB200('train', data_root=str(release))
    assert CUB200('train', str(release), classes=('a', 'b')).metainfo['classes'] == ('a', 'b')
    np.testing.assert_array_equal(
        full.get_data_info(0)['gt_bboxes'], [[13.9, 11.2, 13.9 + 30.0, 11.2 + 20.0]]
    )


def test_unknown_split(release):
    with pytest.raises(ValueError, match="has the splits 'train' and 'test'"):
        CUB200('val', data_root=str(release))


@pytest.mark.parametrize(
    ('name', 'line', 'text', 'expected'),
    [
        ('bounding_boxes', 3, '3 1.0 1.0 62.0 3.0', 'lies outside its picture of 60x40 pixels'),
        ('bounding_boxes', 3, '3 -1.0 1.0 6.0 3.0', 'lies outside its picture (x0 or y0 < 0)'),
        ('bounding_boxes', 3, '3 9.0 1.0 -6.0 3.0', 'has x1 < x0 or y1 < y0'),
        ('bounding_boxes', 3, '3 nan 1.0 6.0 3.0', 'is not made of finite numbers'),
        ('bounding_boxes', 3, '3 x 1.0 6.0 3.0', 'is not made of numbers'),
        ('bounding_boxes', 3, '3 1.0 6.0 3.0', 'a number and 4 values were expected'),
        ('bounding_boxes', 3, '3 1.0 6.0 3.0 4.0 5.0', 'a number and 4 values were expected'),
        ('bounding_boxes', 3, '9 1.0 1.0 6.0 3.0', 'the picture 9 is not listed in'),
        ('bounding_boxes', 3, '2 1.0 1.0 6.0 3.0', 'the number 2 stood there before, in line 2'),
        ('image_class_labels', 1, '1 3', 'class 3 is out of range for 2 classes (1 to 2)'),
        ('image_class_labels', 1, '1 0', 'class 0 is out of range for 2 classes (1 to 2)'),
        ('image_class_labels', 1, '1 a', 'class a is out of range for 2 classes (1 to 2)'),
        ('image_class_labels', 1, '7 1', 'the picture 7 is not listed in'),
        ('train_test_split', 4, '4 2', "'2' is neither 1 (train) nor 0 (test)"),
        ('images', 2, '2', 'a number and 1 value were expected'),
        ('images', 2, f'2 {PATHS[0]}', 'was listed before, in line 1'),
        ('images', 2, '1 other.jpg', 'the number 1 stood there before, in line 1'),
        ('images', 3, '3 002.Laysan_Albatross/none.jpg', 'is listed, but there is no picture'),
        ('classes', 2, '3 003.Sooty_Albatross', 'class 3 where class 2 was expected'),
    ],
)
def test_bad_line(release, name, line, text, expected):
    file = release / f'{name}.txt'
    replace_line(file, line, text)
    with pytest.raises(AnnotationError) as caught:
        CUB200('test', data_root=str(release))
    assert str(caught.value).startswith(f'{file}, line {line}: ')
    assert expected in str(caught.value)


@pytest.mark.parametrize('name', ['image_class_labels', 'train_test_split', 'bounding_boxes'])
def test_missing_line(release, name):
    replace_line(release / f'{name}.txt', 4, None)
    with pytest.raises(AnnotationError) as caught:
        CUB200('test', data_root=str(release))
    expected = f'{release / "images.txt"}, line 4: {PATHS[3]} has no line in {release / name}.txt'
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    'name', ['images', 'classes', 'image_class_labels', 'train_test_split', 'bounding_boxes']
)
def test_missing_or_empty_file(release, name):
    file = release / f'{name}.txt'
    file.write_text('')
    with pytest.raises(AnnotationError, match='it is empty') as caught:
        CUB200('test', data_root=str(release))
    assert str(caught.value).startswith(str(file))
    file.unlink()
    with pytest.raises(AnnotationError, match='there is no such file') as caught:
        CUB200('test', data_root=str(release))
    assert str(caught.value).startswith(str(file))


def test_missing_folder(tmp_path):
    with pytest.raises(AnnotationError, match='there is no such folder') as caught:
        CUB200('test', data_root=str(tmp_path / 'CUB'))
    assert str(caught.value).startswith(str(tmp_path / 'CUB'))


def test_empty_split(release):
    (release / 'train_test_split.txt').write_text('1 1\n2 1\n3 1\n4 1\n')
    with pytest.raises(AnnotationError, match="the split 'test' is empty"):
        CUB200('test', data_root=str(release))


def test_bounds_are_checked_only_when_asked(release):
    replace_line(release / 'bounding_boxes.txt', 3, '3 1.0 1.0 600.0 3.0')
    dataset = CUB200('test', data_root=str(release), check_bounds=False)
    np.testing.assert_array_equal(dataset.get_data_info(1)['gt_bboxes'], [[1, 1, 601, 4]])


def test_a_picture_that_cannot_be_read_is_left_to_the_pipeline_of_training(release):
    path = release / 'images' / PATHS[0]
    path.write_bytes(b'')
    info = CUB200('test', data_root=str(release)).get_data_info(0)
    np.testing.assert_array_equal(info['gt_bboxes'], [[6.0, 2.0, 38.5, 29.0]])
    assert 'width' not in info

    said = f'bounding_boxes.txt, line 1: unreadable picture {path}: the file is empty. Repair it'
    with pytest.raises(AnnotationError, match=re.escape(said)):
        CUB200('test', data_root=str(release), test_mode=True)
    settings = dict(data_root=str(release), test_mode=True)
    for others in (dict(check_files=False), dict(check_bounds=False), dict(skip_unreadable=True)):
        assert 'width' not in CUB200('test', **settings, **others).get_data_info(0)


class TestMasks:
    def test_paths_and_threshold(self, tmp_path):
        root = write_cub(tmp_path)
        dataset = CUB200('test', data_root=str(root), with_masks=True)
        info = dataset.get_data_info(0)
        mask = root / 'segmentations/001.Bird_1/Bird_2.png'
        assert [Path(path) for path in info['mask_paths']] == [mask]
        assert (info['ignore_path'], info['mask_threshold']) == ('', 127)
        # More than half of the annotators.
        gray = cv2.imread(info['mask_paths'][0], cv2.IMREAD_GRAYSCALE)
        assert (gray > info['mask_threshold']).sum() == 15 * 20
        assert 'gt_bboxes' in info
        anyone = CUB200('test', data_root=str(root), with_masks=True, mask_threshold=0)
        assert anyone.get_data_info(0)['mask_threshold'] == 0
        assert 'mask_paths' not in CUB200('test', data_root=str(root)).get_data_info(0)

    def test_pictures_in_another_folder(self, tmp_path):
        root = write_cub(tmp_path)
        (root / 'images').rename(root / 'pictures')
        dataset = CUB200('test', data_root=str(root), with_masks=True, data_prefix='pictures')
        info = dataset.get_data_info(0)
        assert Path(info['img_path']).is_file()
        assert Path(info['mask_paths'][0]).is_relative_to(root / 'segmentations')
        with pytest.raises(AnnotationError, match=r"data_prefix=dict\(img_path='FOLDER'\)"):
            CUB200('test', data_root=str(root), data_prefix=dict(img='pictures'))

    def test_in_another_folder(self, tmp_path):
        root = write_cub(tmp_path)
        (root / 'segmentations').rename(tmp_path / 'segmentations')
        prefix = dict(mask_path='../segmentations')
        dataset = CUB200('test', data_root=str(root), with_masks=True, data_prefix=prefix)
        assert Path(dataset.get_data_info(0)['mask_paths'][0]).is_file()
        with pytest.raises(AnnotationError, match='the root of the masks'):
            CUB200('test', data_root=str(root), with_masks=True)

    def test_errors(self, tmp_path):
        root = write_cub(tmp_path)
        mask = root / 'segmentations/002.Bird_2/Bird_3.png'
        mask.unlink()
        with pytest.raises(AnnotationError) as caught:
            CUB200('test', data_root=str(root), with_masks=True)
        assert str(caught.value).startswith(f'{root / "images.txt"}, line 4: ')
        assert f'there is no mask {mask}' in str(caught.value)
        with pytest.raises(ValueError, match='0 to 254'):
            CUB200('test', data_root=str(root), with_masks=True, mask_threshold=255)
