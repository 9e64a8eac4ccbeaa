"""StanfordCars on small copies of both forms of the release."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from edits import error_of, infos_of
from releases import CAR_BOXES, cells, save_mat, structs, write_cars

from bas_mm.datasets import StanfordCars


def test_form_with_devkit(tmp_path):
    root = write_cars(tmp_path)
    test = StanfordCars('test', data_root=str(root), test_mode=True)
    assert test.metainfo['classes'] == ('Make Model 0', 'Make Model 1')
    infos = infos_of(test)
    assert [info['image_id'] for info in infos] == ['cars_test/00001.jpg', 'cars_test/00002.jpg']
    assert [info['gt_label'] for info in infos] == [1, 0]
    assert Path(infos[0]['img_path']) == root / 'cars_test/00001.jpg'
    # Counted from 1 in the file; 0 stays 0.
    np.testing.assert_array_equal(infos[0]['gt_bboxes'], [[0, 2, 19, 19]])
    np.testing.assert_array_equal(infos[1]['gt_bboxes'], [[1, 1, 9, 11]])
    assert (infos[0]['width'], infos[0]['height']) == (48, 36)
    train = infos_of(StanfordCars('train', data_root=str(root)))
    for info, box in zip(train, CAR_BOXES):
        np.testing.assert_array_equal(info['gt_bboxes'], [np.array(box) - 1])
    weak = StanfordCars('train', data_root=str(root), with_boxes=False)
    assert 'gt_bboxes' not in weak.get_data_info(0)
    named = StanfordCars('test', data_root=str(root), classes=('a', 'b'))
    assert named.metainfo['classes'] == ('a', 'b')

    file = root / 'cars_test_annos_withlabels.mat'
    file.rename(root / 'devkit' / file.name)
    assert len(StanfordCars('test', data_root=str(root))) == 2


def test_merged_form(tmp_path):
    root = write_cars(tmp_path, merged=True)
    train, test = (infos_of(StanfordCars(split, str(root))) for split in ('train', 'test'))
    assert [info['image_id'] for info in train] == ['car_ims/000001.jpg', 'car_ims/000002.jpg']
    assert [info['image_id'] for info in test] == ['car_ims/000003.jpg', 'car_ims/000004.jpg']
    assert [info['gt_label'] for info in train + test] == [0, 1, 1, 0]
    np.testing.assert_array_equal(test[1]['gt_bboxes'], np.array([CAR_BOXES[3]]) - 1)


@pytest.mark.parametrize('with_pictures', [True, False])
def test_both_forms(tmp_path, with_pictures):
    root = write_cars(write_cars(tmp_path).parent, merged=True)
    if not with_pictures:
        shutil.rmtree(root / 'car_ims')
    names = [info['image_id'] for info in infos_of(StanfordCars('test', str(root)))]
    assert names == (
        ['car_ims/000003.jpg', 'car_ims/000004.jpg']
        if with_pictures
        else ['cars_test/00001.jpg', 'cars_test/00002.jpg']
    )
    if not with_pictures:
        # The file is all that there is: its pictures are missed.
        shutil.rmtree(root / 'devkit')
        message = error_of(StanfordCars, 'test', data_root=str(root))
        assert 'cars_annos.mat, entry 3: car_ims/000003.jpg is listed, but there is no' in message


FIELDS = dict(
    bbox_x1=[1, 2],
    bbox_y1=[1, 2],
    bbox_x2=[30, 31],
    bbox_y2=[30, 31],
    fname=['00001.jpg', '00002.jpg'],
    **{'class': [1, 2]},
)


@pytest.mark.parametrize(
    ('change', 'entry', 'expected'),
    [
        (dict(bbox_x2=[30, 51]), 2, 'the box 1,1,50,30 of cars_test/00002.jpg lies outside'),
        (dict(bbox_x1=[30, -4]), 2, 'lies outside its picture (x0 or y0 < 0)'),
        (dict(bbox_x1=[33, 4]), 1, 'has x1 < x0 or y1 < y0'),
        (dict(bbox_y1=[1, 'a']), 2, 'bbox_y1 is no number'),
        (dict(bbox_y1=[1, [2, 3]]), 2, 'bbox_y1 is no number'),
        ({'class': [1, 3]}, 2, 'class 3 is out of range for 2 classes (1 to 2)'),
        ({'class': [0, 2]}, 1, 'class 0 is out of range for 2 classes (1 to 2)'),
        ({'class': [1, 1.5]}, 2, 'class 1.5 is out of range'),
        (dict(fname=['00001.jpg', '00001.jpg']), 2, 'was listed before, in entry 1'),
        (dict(fname=['00001.jpg', '00009.jpg']), 2, 'is listed, but there is no picture'),
        (dict(fname=['00001.jpg', 2]), 2, 'the file name is no text'),
        (dict(fname=['00001.jpg', '']), 2, 'the file name is no text'),
    ],
)
def test_bad_entry(tmp_path, change, entry, expected):
    root = write_cars(tmp_path)
    file = root / 'cars_test_annos_withlabels.mat'
    save_mat(file, annotations=structs({**FIELDS, **change}))
    message = error_of(StanfordCars, 'test', data_root=str(root))
    assert message.startswith(f'{file}, entry {entry}: ')
    assert expected in message


def test_bad_file(tmp_path):
    root = write_cars(tmp_path)
    file = root / 'cars_test_annos_withlabels.mat'
    # The devkit's own list of test pictures has no classes.
    unlabelled = {name: values for name, values in FIELDS.items() if name != 'class'}
    save_mat(file, annotations=structs(unlabelled))
    message = error_of(StanfordCars, 'test', data_root=str(root))
    assert message.startswith(f"{file}: its entries have no field 'class', only bbox_x1")
    file.unlink()
    message = error_of(StanfordCars, 'test', data_root=str(root))
    assert message.startswith(f'{file}: there is no such file')
    meta = root / 'devkit/cars_meta.mat'
    save_mat(meta, class_names=cells(['a', 1.0], as_column=False))
    message = error_of(StanfordCars, 'train', data_root=str(root))
    assert message.startswith(f'{meta}, entry 2: the name is no text')
    meta.unlink()
    assert error_of(StanfordCars, 'train', data_root=str(root)).startswith(f'{meta}: there is no')
    assert 'there is no such folder' in error_of(StanfordCars, 'train', data_root=str(root / 'x'))


def test_merged_form_without_test_pictures(tmp_path):
    root = write_cars(tmp_path, merged=True)
    fields = {**FIELDS, 'relative_im_path': FIELDS['fname'], 'test': [0, 0]}
    save_mat(
        root / 'cars_annos.mat',
        annotations=structs(fields),
        class_names=cells(['a', 'b'], as_column=False),
    )
    message = error_of(StanfordCars, 'test', data_root=str(root))
    assert "cars_annos.mat: the split 'test' is empty" in message
