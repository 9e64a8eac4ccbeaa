"""ILSVRCRelease on a small copy of the release's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edits import error_of, infos_of, replace_line
from releases import voc_xml, write_ilsvrc

from bas_mm.datasets import ILSVRCRelease
from bas_mm.datasets.ilsvrc_release import _keep_class
from bas_mm.datasets.voc_xml import read_voc_xml


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_ilsvrc(tmp_path)


def read(root: Path, split: str = 'val', **kwargs) -> ILSVRCRelease:
    if split == 'train':
        kwargs.setdefault('with_boxes', False)
    return ILSVRCRelease(split, data_root=str(root), **{'classes': 3, **kwargs})


def xml_of(root: Path, number: int) -> Path:
    return root / f'Annotations/CLS-LOC/val/ILSVRC2012_val_0000000{number}.xml'


EXPECTED = [
    ('val/ILSVRC2012_val_00000001.JPEG', 2, [[0, 5, 30, 39], [10, 0, 49, 20]]),
    ('val/ILSVRC2012_val_00000002.JPEG', 0, [[3, 4, 20, 30]]),
    ('val/ILSVRC2012_val_00000003.JPEG', 1, [[1, 1, 50, 40]]),
]


@pytest.mark.parametrize('place', ['beside', 'inside', 'absent'])
def test_val(release, place):
    for name in ('LOC_synset_mapping.txt', 'LOC_val_solution.csv'):
        file = release.parent / name
        if place == 'inside':
            file.rename(release / name)
        elif place == 'absent':
            file.unlink()
    infos = infos_of(read(release, test_mode=True))
    for info, (image_id, label, boxes) in zip(infos, EXPECTED, strict=True):
        assert (info['image_id'], info['gt_label']) == (image_id, label)
        assert (info['width'], info['height']) == (50, 40)
        assert Path(info['img_path']) == release / 'Data/CLS-LOC' / image_id
        np.testing.assert_array_equal(info['gt_bboxes'], boxes)
        assert info['gt_bboxes'].dtype == np.float64


def test_objects_of_other_classes_go_with_all_that_is_said_of_them(release):
    file = xml_of(release, 1)
    names = ['n01440764', 'n01443537', 'n01440764']
    text = voc_xml('1', 50, 40, [(name, (i, 2, 30, 30)) for i, name in enumerate(names)])
    first, _, rest = text.partition('<difficult>0')
    file.write_text(f'{first}<difficult>1{rest}')
    annotation = read_voc_xml(str(file))
    assert annotation.difficult == [True, False, False]
    assert _keep_class(annotation, 1, dict.fromkeys(names, 0) | {names[1]: 1}, '') == 1
    assert annotation.names == names[1:2]
    assert annotation.boxes == [(1, 2, 30, 30)]
    assert annotation.difficult == [False]


def test_classes_are_counted_by_their_ids_in_whatever_order_they_are_listed(release):
    mapping = release.parent / 'LOC_synset_mapping.txt'
    mapping.write_text(''.join(reversed(mapping.read_text().splitlines(keepends=True))))
    assert [info['gt_label'] for info in infos_of(read(release))] == [2, 0, 1]


def test_a_solution_without_its_head(release):
    replace_line(release.parent / 'LOC_val_solution.csv', 1, None)
    assert [info['image_id'] for info in infos_of(read(release))] == [row[0] for row in EXPECTED]


def test_train(release):
    # What is no class and no picture is passed over.
    (release / 'Data/CLS-LOC/train/lost+found').mkdir()
    (release / 'Data/CLS-LOC/train/n01440764/Thumbs.db').touch()
    infos = infos_of(read(release, 'train'))
    assert [(info['image_id'], info['gt_label']) for info in infos] == [
        (f'train/{wnid}/{wnid}_{number}.JPEG', label)
        for label, wnid in enumerate(['n01440764', 'n01443537', 'n02123045'])
        for number in (18, 9)
    ]
    assert all(Path(info['img_path']).is_file() for info in infos)
    assert 'gt_bboxes' not in infos[0]
    with pytest.raises(ValueError, match='set with_boxes=False'):
        ILSVRCRelease('train', data_root=str(release))


def test_labels_without_boxes_need_no_xml(release):
    for file in release.glob('Annotations/CLS-LOC/val/*'):
        file.unlink()
    assert [info['gt_label'] for info in infos_of(read(release, with_boxes=False))] == [2, 0, 1]


def test_labels_without_a_solution_are_those_of_the_xml(release):
    (release.parent / 'LOC_val_solution.csv').unlink()
    infos = infos_of(read(release, with_boxes=False))
    assert [info['gt_label'] for info in infos] == [2, 0, 1]
    assert 'gt_bboxes' not in infos[0]


def test_only_boxes_of_the_pictures_class(release):
    objects = [('n01440764', (1, 1, 5, 5)), ('n02123045', (2, 2, 9, 9))]
    xml_of(release, 1).write_text(voc_xml('a', 50, 40, objects))
    np.testing.assert_array_equal(read(release).get_data_info(0)['gt_bboxes'], [[2, 2, 9, 9]])
    (release.parent / 'LOC_val_solution.csv').unlink()
    message = error_of(read, release)
    assert message.startswith(f'{xml_of(release, 1)}, line 30: objects of several classes')
    assert 'LOC_val_solution.csv' in message


def test_number_of_classes(release):
    assert len(ILSVRCRelease.METAINFO['classes']) == 1000
    mapping = release.parent / 'LOC_synset_mapping.txt'
    message = error_of(ILSVRCRelease, 'val', data_root=str(release))
    assert f'{mapping.name}: 3 wnids, but 1000 classes' in message
    mapping.unlink()
    message = error_of(ILSVRCRelease, 'val', data_root=str(release))
    assert 'Data/CLS-LOC/train: 3 wnids, but 1000 classes' in message


@pytest.mark.parametrize(
    ('name', 'line', 'text', 'expected'),
    [
        ('LOC_synset_mapping.txt', 2, 'tench n01440764', "'tench' is no wnid"),
        ('LOC_synset_mapping.txt', 2, 'n01440764 again', 'n01440764 was listed before, in line 1'),
        ('LOC_val_solution.csv', 3, 'ILSVRC2012_val_00000002,', 'five values per object'),
        ('LOC_val_solution.csv', 3, 'ILSVRC2012_val_00000002,n01440764 1 2 3', 'five values per'),
        ('LOC_val_solution.csv', 3, 'ILSVRC2012_val_00000002,n01440764 1 2 3 4 5', 'five values'),
        (
            'LOC_val_solution.csv',
            3,
            'ILSVRC2012_val_00000002,n09999999 1 2 3 4',
            "'n09999999' of ILSVRC2012_val_00000002 is not among the 3 classes",
        ),
        (
            'LOC_val_solution.csv',
            4,
            'ILSVRC2012_val_00000002,n01440764 1 2 3 4',
            'ILSVRC2012_val_00000002 was listed before, in line 3',
        ),
    ],
)
def test_bad_line_of_a_list(release, name, line, text, expected):
    file = release.parent / name
    replace_line(file, line, text)
    message = error_of(read, release)
    assert f'{name}, line {line}: ' in message
    assert expected in message


@pytest.mark.parametrize(
    ('objects', 'line', 'expected'),
    [
        ([('n01440764', (3, 4, 52, 30))], 18, 'lies outside its picture of 50x40 pixels'),
        (
            [('n02123045', (1, 1, 5, 5)), ('n01440764', (3, 4, 52, 30))],
            30,
            'lies outside its picture of 50x40 pixels',
        ),
        ([('n01440764', (-1, 4, 5, 30))], 18, 'lies outside its picture (x0 or y0 < 0)'),
        ([('n01440764', (9, 4, 5, 30))], 18, 'has x1 < x0 or y1 < y0'),
        ([('n09999999', (1, 4, 5, 30))], 18, "'n09999999' is not among the 3 classes"),
        ([('n02123045', (1, 4, 5, 30))], None, 'it has no object of the class of the picture'),
        ([], None, 'it has no object. '),
    ],
)
def test_bad_xml(release, objects, line, expected):
    xml_of(release, 2).write_text(voc_xml('a', 50, 40, objects))
    message = error_of(read, release)
    where = f'{xml_of(release, 2)}' + (f', line {line}' if line else '')
    assert message.startswith(f'{where}: ')
    assert expected in message


def test_missing_files(release):
    picture = release / 'Data/CLS-LOC/val/ILSVRC2012_val_00000002.JPEG'
    picture.unlink()
    message = error_of(read, release)
    assert 'LOC_val_solution.csv, line 3: ' in message
    assert f'there is no picture {picture}' in message
    xml_of(release, 1).unlink()
    assert error_of(read, release).startswith(f'{xml_of(release, 1)}: there is no such file')
    for file in (release / 'Data/CLS-LOC/train/n01443537').iterdir():
        file.unlink()
    assert 'n01443537: there is no picture *.JPEG' in error_of(read, release, 'train')
    (release / 'Data/CLS-LOC/train/n01443537').rename(release / 'Data/CLS-LOC/train/n01443538')
    message = error_of(read, release, 'train')
    assert 'this folder is missing' in message or 'is not among the classes' in message
    (release / 'Data/CLS-LOC/train/n01443538').rename(release / 'n01443538')
    assert 'n01443537: this folder is missing' in error_of(read, release, 'train')
    assert 'there is no such folder' in error_of(read, release / 'none')


def test_nothing_names_the_classes(release):
    (release.parent / 'LOC_synset_mapping.txt').unlink()
    (release / 'Data/CLS-LOC/train').rename(release / 'Data/CLS-LOC/training')
    assert 'that name the classes' in error_of(read, release)


def test_another_size_than_the_pictures_names_the_xml(release):
    file = xml_of(release, 2)
    file.write_text(file.read_text().replace('<width>50</width>', '<width>51</width>'))
    dataset = read(release, test_mode=True, pipeline=[dict(type='LoadLocImage')])
    path = dataset.get_data_info(1)['img_path']
    assert error_of(dataset.__getitem__, 1) == (
        f'{path} has 50x40 pixels, but {file} says 51x40: its boxes '
        'cannot be trusted. Correct the size there, and the boxes, or set check_size=False in '
        'LoadLocImage'
    )
