"""FGVCAircraft on a small copy of the release's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from edits import error_of, infos_of, replace_line
from releases import write_aircraft

from bas_mm.datasets import FGVCAircraft


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_aircraft(tmp_path)


def test_splits(release):
    dataset = FGVCAircraft('test', data_root=str(release), test_mode=True)
    assert dataset.metainfo['classes'] == ('F/A-18', 'DH-82 Tiger', 'Variant 2')
    infos = infos_of(dataset)
    assert [(info['image_id'], info['gt_label']) for info in infos] == [
        ('11.jpg', 1),
        ('12.jpg', 0),
    ]
    assert Path(infos[0]['img_path']) == release / 'data/images/11.jpg'
    # Counted from 1 in the file.
    np.testing.assert_array_equal(infos[0]['gt_bboxes'], [[3, 1, 43, 49]])
    assert (infos[0]['width'], infos[0]['height']) == (64, 60)
    train, val, both = (
        infos_of(FGVCAircraft(split, str(release))) for split in ('train', 'val', 'trainval')
    )
    assert [i['image_id'] for i in both] == [i['image_id'] for i in train + val]
    # A corner that is 0 in the file stays 0.
    np.testing.assert_array_equal(train[0]['gt_bboxes'], [[0, 1, 39, 49]])
    np.testing.assert_array_equal(train[1]['gt_bboxes'], [[0, 1, 40, 49]])
    weak = FGVCAircraft('train', str(release), with_boxes=False)
    assert 'gt_bboxes' not in weak.get_data_info(0)


@pytest.mark.parametrize(
    ('name', 'line', 'text', 'expected'),
    [
        ('images_variant_test', 2, '12 F-16', "'F-16' is not listed in"),
        ('images_variant_test', 2, '12', 'a number and 1 value were expected'),
        ('images_variant_test', 2, '11 F/A-18', 'the number 11 stood there before, in line 1'),
        ('images_variant_test', 2, '99 F/A-18', '99.jpg is listed, but there is no picture'),
        ('images_box', 6, '12 5 2 67 50', 'lies outside its picture of 64x60 pixels'),
        ('images_box', 6, '12 9 2 5 50', 'has x1 < x0 or y1 < y0'),
        ('images_box', 6, '12 -9 2 5 50', 'lies outside its picture (x0 or y0 < 0)'),
        ('images_box', 6, '12 9 2 b 50', 'is not made of numbers'),
        ('images_box', 6, '12 9 2 5', 'a number and 4 values were expected'),
        ('variants', 3, 'F/A-18', 'the class F/A-18 was listed before, in line 1'),
    ],
)
def test_bad_line(release, name, line, text, expected):
    file = release / 'data' / f'{name}.txt'
    replace_line(file, line, text)
    message = error_of(FGVCAircraft, 'test', data_root=str(release))
    assert message.startswith(f'{file}, line {line}: ')
    assert expected in message


@pytest.mark.parametrize('split', ['train', 'val', 'trainval'])
def test_a_picture_in_training_and_test(release, split):
    file, test_file = (release / f'data/images_variant_{name}.txt' for name in (split, 'test'))
    replace_line(file, 2, '12 F/A-18')
    for name, own, other in (('test', test_file, file), (split, file, test_file)):
        message = error_of(FGVCAircraft, name, data_root=str(release), with_boxes=False)
        assert message == (
            f'{own}, line 2: 12 is also in another split: {other}, line 2. Unpack the release anew'
        )
    test_file.unlink()
    assert len(FGVCAircraft(split, data_root=str(release), with_boxes=False)) > 1


def test_missing_line_file_and_classes(release):
    replace_line(release / 'data/images_box.txt', 6, None)
    file = release / 'data/images_variant_test.txt'
    message = error_of(FGVCAircraft, 'test', data_root=str(release))
    assert message.startswith(f'{file}, line 2: 12 has no line in')
    message = error_of(FGVCAircraft, 'test', data_root=str(release), classes=100)
    assert '3 variants, but 100 classes are asked for' in message
    file.write_text('')
    assert f'{file}: it is empty' in error_of(FGVCAircraft, 'test', data_root=str(release))
    file.unlink()
    assert f'{file}: there is no such file' in error_of(FGVCAircraft, 'test', str(release))
    with pytest.raises(ValueError, match="has the splits 'train', 'val', 'trainval' and 'test'"):
        FGVCAircraft('dev', data_root=str(release))
