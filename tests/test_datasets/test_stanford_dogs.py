"""StanfordDogs on a small copy of the release's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edits import error_of, infos_of, replace_line
from releases import cells, save_dog_list, save_mat, write_dogs

from bas_mm.datasets import StanfordDogs


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_dogs(tmp_path)


def test_both_splits(release):
    test = StanfordDogs('test', data_root=str(release), test_mode=True)
    assert test.metainfo['classes'] == ('Breed_0', 'Breed_1', 'Breed_2')
    infos = infos_of(test)
    assert [info['image_id'] for info in infos] == [
        'n02085620-Breed_0/n02085620_20.jpg',
        'n02085621-Breed_1/n02085621_20.jpg',
    ]
    assert [info['gt_label'] for info in infos] == [0, 1]
    assert (infos[0]['width'], infos[0]['height']) == (48, 36)
    assert Path(infos[0]['img_path']) == release / 'Images' / infos[0]['image_id']
    np.testing.assert_array_equal(infos[0]['gt_bboxes'], [[0, 2, 40, 30], [5, 6, 48, 36]])
    np.testing.assert_array_equal(infos[1]['gt_bboxes'], [[1, 2, 40, 30]])

    train = StanfordDogs('train', data_root=str(release), with_boxes=False)
    assert [info['gt_label'] for info in infos_of(train)] == [0, 1, 2]
    assert train.metainfo['classes'] == test.metainfo['classes']
    assert 'gt_bboxes' not in train.get_data_info(0)
    assert 'gt_bboxes' in StanfordDogs('train', data_root=str(release)).get_data_info(0)


def test_classes_are_in_the_order_of_their_labels_and_keep_their_hyphens(release):
    for folder in ('Images', 'Annotation'):
        (release / folder / 'n02085621-Breed_1').rename(release / folder / 'n02085621-Shih-Tzu')
    for split, number in (('train', 10), ('test', 20)):
        names = [f'n02085620-Breed_0/n02085620_{number}', f'n02085621-Shih-Tzu/n02085621_{number}']
        entries = [(f'{name}.jpg', label) for name, label in zip(names, (1, 0))]
        save_dog_list(release / f'lists/{split}_list.mat', entries)
    dataset = StanfordDogs('test', data_root=str(release))
    assert dataset.metainfo['classes'] == ('Shih-Tzu', 'Breed_0')
    assert [info['gt_label'] for info in infos_of(dataset)] == [1, 0]


def test_lists_in_the_root(release):
    for file in (release / 'lists').iterdir():
        file.rename(release / file.name)
    (release / 'lists').rmdir()
    assert len(StanfordDogs('train', data_root=str(release))) == 3


P0, P1, P2 = (f'n0208562{i}-Breed_{i}/n0208562{i}_20.jpg' for i in range(3))


@pytest.mark.parametrize(
    ('entries', 'entry', 'expected'),
    [
        ([(P0, 0), (P0, 0)], 2, f'{P0} was listed before, in entry 1'),
        ([(P0, 0), (P1, -1)], 2, f'the label 0 of {P1} is no whole number from 1 on'),
        ([(P0, 0), (P1, 0.5)], 2, f'the label 1.5 of {P1} is no whole number from 1 on'),
        ([(P0, 0), (P1, 2)], 2, f'{P1} has the label 3, but the pictures of n02085622-Breed_2'),
        ([(P0, 0), (P1, 5)], 2, f'{P1} has the label 6, but the pictures of n02085621-Breed_1'),
        ([(P0, 0), ('new/1.jpg', 4)], None, 'no picture of class 4'),
        ([(P0, 0), (P2, 2)], 2, f'{P2} is listed, but there is no picture'),
    ],
)
def test_bad_list(release, entries, entry, expected):
    file = release / 'lists/test_list.mat'
    save_dog_list(file, entries)
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    if entry:
        assert message.startswith(f'{file}, entry {entry}: ')
    assert expected in message


@pytest.mark.parametrize(('split', 'other'), [('train', 'test'), ('test', 'train')])
def test_a_picture_in_both_splits(release, split, other):
    entries = dict(train=[(P1, 1), (P0, 0), (P2, 2)], test=[(P0, 0)])
    for name, pictures in entries.items():
        save_dog_list(release / f'lists/{name}_list.mat', pictures)
    entry = dict(train=2, test=1)
    message = error_of(StanfordDogs, split, data_root=str(release), with_boxes=False)
    assert message == (
        f'{release}/lists/{split}_list.mat, entry {entry[split]}: {P0} is also in another split: '
        f'{release}/lists/{other}_list.mat, entry {entry[other]}. Unpack the release anew'
    )


def test_bad_mat_file(release):
    file = release / 'lists/test_list.mat'
    save_mat(file, file_list=cells([P0, P1], True), labels=np.array([[1.0]]))
    assert '2 paths, but 1 labels' in error_of(StanfordDogs, 'test', data_root=str(release))
    save_mat(file, file_list=cells([P0, 3.0], True), labels=np.array([[1.0], [2.0]]))
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    assert message.startswith(f'{file}, entry 2: the path is no text')
    save_mat(file, files=cells([P0], True))
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    assert f"{file}: it has no variable 'file_list', only files" in message
    save_mat(file, file_list=np.zeros((0, 0)))
    assert "'file_list' is empty" in error_of(StanfordDogs, 'test', data_root=str(release))
    file.write_bytes(b'no such thing')
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    assert message.startswith(f'{file}: it is no MATLAB file')
    file.unlink()
    message = error_of(StanfordDogs, 'train', data_root=str(release))
    assert message.startswith(f'{file}: there is no such file')


def test_bad_annotation(release):
    file = release / 'Annotation' / P1.removesuffix('.jpg')
    replace_line(file, 21, '<xmax>60</xmax>')
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    assert message.startswith(f'{file}, line 18: the box 1,2,60,30 of {P1} lies outside')
    loose = StanfordDogs('test', data_root=str(release), check_bounds=False)
    np.testing.assert_array_equal(loose.get_data_info(1)['gt_bboxes'], [[1, 2, 60, 30]])
    end = ', or set check_bounds=False in the data set to take boxes as they stand'
    assert message.endswith(f'Correct the box, or the size{end}')
    replace_line(file, 19, '<xmin>-1</xmin>')
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    assert message.endswith(f'(x0 or y0 < 0). Correct the box{end}')
    loose = StanfordDogs('test', data_root=str(release), check_bounds=False)
    np.testing.assert_array_equal(loose.get_data_info(1)['gt_bboxes'], [[-1, 2, 60, 30]])
    lines = file.read_text().splitlines()
    file.write_text('\n'.join(lines[:12] + lines[24:]))
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    assert message.startswith(f'{file}: it has no object')
    file.unlink()
    message = error_of(StanfordDogs, 'test', data_root=str(release))
    assert message.startswith(f'{file}: there is no such file')


def test_other_number_of_classes(release):
    message = error_of(StanfordDogs, 'train', data_root=str(release), classes=2)
    assert 'train_list.mat, entry 3: class 3 is out of range for 2 classes (1 to 2)' in message


def test_another_size_than_the_pictures_names_the_xml(release):
    file = release / 'Annotation' / P1.removesuffix('.jpg')
    file.write_text(file.read_text().replace('<width>48</width>', '<width>51</width>'))
    dataset = StanfordDogs(
        'test', data_root=str(release), test_mode=True, pipeline=[dict(type='LoadLocImage')]
    )
    path = dataset.get_data_info(1)['img_path']
    assert error_of(dataset.__getitem__, 1) == (
        f'{path} has 48x36 pixels, but {file} says 51x36: its boxes '
        'cannot be trusted. Correct the size there, and the boxes, or set check_size=False in '
        'LoadLocImage'
    )
