"""SplitFolder: what it reads, and the line that each fault is traced to."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from edits import put_on_its_side
from PIL import Image

from bas_mm.datasets import AnnotationError, SplitFolder, listed_files
from bas_mm.registry import DATASETS


def build(root: Path, split: str = 'train', **kwargs) -> SplitFolder:
    settings = dict(
        data_root=str(root), data_prefix=dict(img_path='images'), classes=('cat', 'dog')
    )
    return SplitFolder(f'metadata/{split}', **{**settings, **kwargs})


def replace_line(file: Path, number: int, text: str | None) -> None:
    """Replace a line, counted from 1, or delete it."""
    lines = file.read_text(encoding='utf-8').splitlines()
    lines[number - 1 : number] = [] if text is None else [text]
    file.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def message_of(root: Path, **kwargs) -> str:
    with pytest.raises(AnnotationError) as caught:
        build(root, **kwargs)
    return str(caught.value)


class TestReading:
    def test_items(self, split_writer):
        split_writer.write_good()
        dataset = DATASETS.build(
            dict(
                type='SplitFolder',
                split_dir='metadata/train',
                data_root=str(split_writer.root),
                data_prefix=dict(img_path='images'),
                classes=['cat', 'dog'],
            )
        )
        assert len(dataset) == 3
        assert dataset.metainfo['classes'] == ('cat', 'dog')
        assert dataset.num_classes == 2
        info = dataset.get_data_info(1)
        assert info['image_id'] == 'train/cat/2.jpg'
        assert Path(info['img_path']) == split_writer.root / 'images/train/cat/2.jpg'
        assert (info['gt_label'], info['width'], info['height']) == (0, 50, 50)
        assert info['gt_bboxes'].dtype == np.float64
        np.testing.assert_array_equal(info['gt_bboxes'], [[0, 0, 50, 50], [10.5, 11.25, 20, 30]])
        np.testing.assert_array_equal(dataset.get_data_info(2)['gt_bboxes'], [[1, 2, 31, 63]])
        assert [dataset.get_cat_ids(i) for i in range(3)] == [[0], [0], [1]]

    def test_lines_in_any_order(self, split_writer):
        folder = split_writer.write_good()
        for name in ('class_labels', 'image_sizes', 'localization'):
            lines = (folder / f'{name}.txt').read_text().splitlines()
            split_writer.write('train', **{name: lines[::-1]})
        dataset = build(split_writer.root)
        assert [dataset.get_data_info(i)['gt_label'] for i in range(3)] == [0, 0, 1]
        assert [dataset.get_data_info(i)['width'] for i in range(3)] == [60, 50, 32]
        # Boxes of one picture keep the order of their lines.
        np.testing.assert_array_equal(
            dataset.get_data_info(1)['gt_bboxes'], [[10.5, 11.25, 20, 30], [0, 0, 50, 50]]
        )

    def test_boxes_go_with_the_file_of_their_sizes(self, split_writer):
        file = split_writer.write_good() / 'image_sizes.txt'
        assert build(split_writer.root).get_data_info(1)['size_file'] == str(file)
        assert 'size_file' not in build(split_writer.root, with_boxes=False).get_data_info(1)
        file.unlink()
        assert 'size_file' not in build(split_writer.root).get_data_info(1)

    def test_weak_labels_need_neither_boxes_nor_sizes(self, split_writer):
        folder = split_writer.write_good()
        (folder / 'localization.txt').unlink()
        (folder / 'image_sizes.txt').unlink()
        info = build(split_writer.root, with_boxes=False).get_data_info(0)
        assert 'gt_bboxes' not in info
        assert 'width' not in info

    def test_weak_labels_ignore_boxes(self, split_writer):
        folder = split_writer.write_good()
        replace_line(folder / 'localization.txt', 1, 'not a box')
        assert 'gt_bboxes' not in build(split_writer.root, with_boxes=False).get_data_info(0)

    def test_the_folder_of_the_pictures_as_a_text(self, split_writer):
        split_writer.write_good()
        info = build(split_writer.root, data_prefix='images').get_data_info(0)
        assert info['img_path'] == str(split_writer.root / 'images/train/cat/1.jpg')

    @pytest.mark.parametrize('prefix', [dict(img='images'), dict(img_path=None), 3])
    def test_folders_of_another_form(self, split_writer, prefix):
        split_writer.write_good()
        assert message_of(split_writer.root, data_prefix=prefix) == (
            f'data_prefix={prefix!r}: give the folder of the pictures as '
            "data_prefix=dict(img_path='FOLDER')"
        )

    def test_windows_files(self, split_writer):
        folder = split_writer.write_good()
        for file in folder.iterdir():
            text = file.read_text().replace('\n', '\r\n')
            file.write_bytes(b'\xef\xbb\xbf' + text.encode() + b'\r\n\r\n')
        dataset = build(split_writer.root)
        assert dataset.get_data_info(0)['image_id'] == 'train/cat/1.jpg'
        assert len(dataset) == 3

    def test_ids_with_commas_and_spaces(self, split_writer, make_picture):
        image_id = 'odd, name/a\u2028b,c.jpg'  # U+2028 ends a line for Python's strings
        make_picture(split_writer.root / 'images' / image_id, 20, 10)
        split_writer.write(
            'train',
            image_ids=[image_id],
            class_labels=[f'{image_id},1'],
            image_sizes=[f'{image_id},20,10'],
            localization=[f'{image_id},1,2,3,4', f'{image_id},5,6,5,6'],
        )
        info = build(split_writer.root).get_data_info(0)
        assert (info['image_id'], info['gt_label'], info['width']) == (image_id, 1, 20)
        # The second is of one pixel: both corners are inside.
        np.testing.assert_array_equal(info['gt_bboxes'], [[1, 2, 3, 4], [5, 6, 5, 6]])

    def test_masks(self, split_writer):
        folder = split_writer.write_good()
        split_writer.write(
            'train',
            localization=[
                'train/cat/1.jpg,m/1a.png,m/1_ignore.png',
                'train/cat/2.jpg,m/2a.png,',
                'train/cat/1.jpg,m/1b.png,',
                'train/dog/1.jpg,m/3.png,m/3_ignore.png',
            ],
        )
        prefix = dict(img_path='images', mask_path='masks')
        root = split_writer.root / 'masks/m'
        root.mkdir(parents=True)
        for name in ('1a', '1_ignore', '2a', '1b', '3'):
            (root / f'{name}.png').touch()
        message = message_of(split_writer.root, data_prefix=prefix)
        assert 'localization.txt, line 4: m/3_ignore.png is listed, but there is no mask' in message
        (root / '3_ignore.png').touch()
        dataset = build(split_writer.root, data_prefix=prefix)
        info = dataset.get_data_info(0)
        assert [Path(path) for path in info['mask_paths']] == [root / '1a.png', root / '1b.png']
        assert Path(info['ignore_path']) == root / '1_ignore.png'
        assert dataset.get_data_info(1)['ignore_path'] == ''
        assert 'gt_bboxes' not in info
        for line, text, fields in (
            (3, 'train/cat/1.jpg,1,2,3,4', 5),
            (1, 'train/cat/1.jpg,1,2,3,4', 5),
            (1, 'train/cat/1.jpg,m/1a.png', 2),
        ):
            lines = (folder / 'localization.txt').read_text()
            replace_line(folder / 'localization.txt', line, text)
            message = message_of(split_writer.root)
            start = f'localization.txt, line {line}: {fields} fields where id,mask_path,ignore_path'
            assert start in message
            (folder / 'localization.txt').write_text(lines)
        # It would be left out, and its pixels would count.
        replace_line(folder / 'localization.txt', 3, 'train/cat/1.jpg,m/1b.png,m/1_ignore.png')
        message = message_of(split_writer.root)
        assert 'localization.txt, line 3: m/1_ignore.png is the ignore region of' in message
        assert 'its first line, which is line 1.' in message

    def test_masks_of_pictures_with_commas(self, split_writer):
        split_writer.write(
            'train',
            image_ids=['a,b,c.jpg', 'd.jpg'],
            class_labels=['a,b,c.jpg,1', 'd.jpg,0'],
            localization=['a,b,c.jpg,0.png,i.png', 'a,b,c.jpg,1.png,', 'd.jpg,2.png,'],
            image_sizes=['a,b,c.jpg,20,10', 'd.jpg,20,10'],
        )
        prefix = dict(img_path='images', mask_path='masks')
        for folder in ('images', 'masks'):
            (split_writer.root / folder).mkdir()
        for name in ('0.png', '1.png', '2.png', 'i.png'):
            (split_writer.root / 'masks' / name).touch()
        for name in ('a,b,c.jpg', 'd.jpg'):
            (split_writer.root / 'images' / name).touch()
        info = build(split_writer.root, data_prefix=prefix).get_data_info(0)
        assert [Path(path).name for path in info['mask_paths']] == ['0.png', '1.png']
        assert Path(info['ignore_path']).name == 'i.png'

    @pytest.mark.parametrize('name', ['class_labels', 'image_sizes', 'localization'])
    def test_lists_have_their_own_order(self, split_writer, name):
        folder = split_writer.write_good()
        expected = build(split_writer.root)
        lines = (folder / f'{name}.txt').read_text().splitlines()
        for order in (lines[-1:] + lines[:-1], lines[:1] + lines[:0:-1]):
            (folder / f'{name}.txt').write_text('\n'.join(order) + '\n')
            dataset = build(split_writer.root)
            for i in range(3):
                info, other = dataset.get_data_info(i), expected.get_data_info(i)
                boxes, others = (sorted(about.pop('gt_bboxes').tolist()) for about in (info, other))
                assert info == other
                assert boxes == others

    def test_number_of_classes(self, split_writer):
        split_writer.write_good()
        assert build(split_writer.root, classes=2).metainfo['classes'] == ('0', '1')

    def test_classes_from_file(self, split_writer):
        split_writer.write_good()
        (split_writer.root / 'names.txt').write_text('Felis catus\nCanis lupus\n')
        dataset = build(split_writer.root, classes='names.txt')
        assert dataset.metainfo['classes'] == ('Felis catus', 'Canis lupus')
        (split_writer.root / 'names.txt').write_text('cat\ndog\ncat\n')
        message = message_of(split_writer.root, classes='names.txt')
        assert 'names.txt, line 3: the class cat was listed before, in line 1' in message

    def test_classes_are_asked_for(self, split_writer):
        split_writer.write_good()
        with pytest.raises(ValueError, match='does not know its classes'):
            build(split_writer.root, classes=None)

    def test_subset(self, split_writer):
        split_writer.write_good()
        dataset = build(split_writer.root, indices=[2, 0])
        ids = [dataset.get_data_info(i)['image_id'] for i in range(len(dataset))]
        assert ids == ['train/dog/1.jpg', 'train/cat/1.jpg']

    def test_sizes_may_be_written_as_floats(self, split_writer):
        folder = split_writer.write_good()
        replace_line(folder / 'image_sizes.txt', 1, 'train/cat/1.jpg,60.0,40.0')
        info = build(split_writer.root).get_data_info(0)
        assert (info['width'], info['height']) == (60, 40)
        assert isinstance(info['width'], int)

    def test_critters(self, critters_dir):
        counts = dict(train=(233, 297), val=(40, 53))
        for split, (pictures, boxes) in counts.items():
            dataset = build(critters_dir, split, classes=('kangaroo', 'raccoon'))
            infos = [dataset.get_data_info(i) for i in range(len(dataset))]
            assert len(infos) == pictures
            assert sum(len(info['gt_bboxes']) for info in infos) == boxes
            for info in infos:
                assert ('kangaroo', 'raccoon')[info['gt_label']] == info['image_id'].split('/')[1]


class TestFaults:
    """One fault at a time in a good set; the message must say where it is."""

    @pytest.mark.parametrize(
        ('name', 'line', 'text', 'expected'),
        [
            (
                'localization',
                1,
                'train/cat/1.jpg,5,6,61,39',
                'lies outside its picture of 60x40 pixels',
            ),
            ('localization', 1, 'train/cat/1.jpg,5,6,30,40.5', 'lies outside its picture of 60x40'),
            ('localization', 2, 'train/cat/2.jpg,-1,0,50,50', 'lies outside its picture (x0 or y0'),
            ('localization', 2, 'train/cat/2.jpg,0,-0.5,9,9', 'lies outside its picture (x0 or y0'),
            ('localization', 4, 'train/dog/1.jpg,20,2,10,63', 'has x1 < x0 or y1 < y0'),
            ('localization', 4, 'train/dog/1.jpg,1,20,10,3', 'has x1 < x0 or y1 < y0'),
            ('localization', 3, 'train/cat/2.jpg,nan,2,3,4', 'is not made of finite numbers'),
            ('localization', 3, 'train/cat/2.jpg,1,2,inf,4', 'is not made of finite numbers'),
            ('localization', 3, 'train/cat/2.jpg,1,2,x,4', 'is not made of numbers'),
            ('localization', 3, 'train/cat/2.jpg,1,2,,4', 'is not made of numbers'),
            ('localization', 3, 'train/cat/2.jpg,1,1_0,30,30', 'is not made of numbers'),
            ('localization', 1, 'train/cat/1.jpg,1,2', '3 fields where id,x0,y0,x1,y1'),
            ('localization', 3, 'train/cat/2.jpg,1,2,3', '4 fields where id,x0,y0,x1,y1'),
            ('localization', 3, 'train/cat/2.jpg,1,2,3,4,5', '6 fields where id,x0,y0,x1,y1'),
            ('localization', 3, 'train/cat/9.jpg,1,2,3,4', 'train/cat/9.jpg is not listed in'),
            ('class_labels', 2, 'train/cat/2.jpg,2', 'class 2 of train/cat/2.jpg is out of range'),
            ('class_labels', 2, 'train/cat/2.jpg,-1', 'class -1 of train/cat/2.jpg is out of'),
            ('class_labels', 2, 'train/cat/2.jpg,0_0', "the class '0_0' of train/cat/2.jpg is not"),
            ('class_labels', 4, 'train/dog/1.jpg,1', 'train/dog/1.jpg stood there before, in line'),
            ('class_labels', 2, 'train/cat/2.jpg,cat', "the class 'cat' of train/cat/2.jpg is not"),
            ('class_labels', 2, 'train/cat/2.jpg,0.0', "the class '0.0' of train/cat/2.jpg is not"),
            ('class_labels', 2, 'train/cat/2.jpg', '1 fields where id,class was expected'),
            ('class_labels', 2, 'train/cat/2.jpg,0,1', '3 fields where id,class was expected'),
            ('class_labels', 2, 'train/cat/9.jpg,0', 'train/cat/9.jpg is not listed in'),
            ('class_labels', 2, 'train/cat/1.jpg,0', 'train/cat/1.jpg stood there before, in line'),
            ('image_sizes', 3, 'train/dog/1.jpg,32', '2 fields where id,width,height was expected'),
            ('image_sizes', 3, 'train/dog/1.jpg,3_2,64', "the size '3_2' of train/dog/1.jpg is"),
            ('image_sizes', 4, 'train/dog/1.jpg,32,64', 'train/dog/1.jpg stood there before, in'),
            ('image_sizes', 3, 'train/dog/1.jpg,32,x', "the size 'x' of train/dog/1.jpg is not a"),
            ('image_sizes', 3, 'train/dog/1.jpg,32.5,64', "the size '32.5' of train/dog/1.jpg is"),
            ('image_sizes', 3, 'train/dog/1.jpg,nan,64', "the size 'nan' of train/dog/1.jpg is"),
            ('image_sizes', 3, 'train/dog/1.jpg,9e18,64', "the size '9e18' of train/dog/1.jpg is"),
            ('image_sizes', 3, 'train/dog/1.jpg,9e30,64', "the size '9e30' of train/dog/1.jpg is"),
            ('image_sizes', 3, 'train/dog/1.jpg,0,64', 'the size 0x64 of train/dog/1.jpg is not'),
            ('image_sizes', 3, 'train/dog/9.jpg,32,64', 'train/dog/9.jpg is not listed in'),
            ('image_sizes', 3, 'train/cat/2.jpg,32,64', 'train/cat/2.jpg stood there before, in'),
            ('image_ids', 3, 'train/cat/1.jpg', 'train/cat/1.jpg was listed before, in line 1'),
        ],
    )
    def test_bad_line(self, split_writer, name, line, text, expected):
        file = split_writer.write_good() / f'{name}.txt'
        replace_line(file, line, text)
        message = message_of(split_writer.root)
        assert message.startswith(f'{file}, line {line}: ')
        assert expected in message

    @pytest.mark.parametrize(
        ('name', 'deleted', 'expected'),
        [
            ('class_labels', 2, 'train/cat/2.jpg has no class label in'),
            ('image_sizes', 2, 'train/cat/2.jpg has no size in'),
        ],
    )
    def test_missing_line(self, split_writer, name, deleted, expected):
        folder = split_writer.write_good()
        replace_line(folder / f'{name}.txt', deleted, None)
        message = message_of(split_writer.root)
        assert message.startswith(f'{folder / "image_ids.txt"}, line 2: {expected}')
        assert str(folder / f'{name}.txt') in message

    def test_picture_without_box(self, split_writer):
        folder = split_writer.write_good()
        replace_line(folder / 'localization.txt', 4, None)
        message = message_of(split_writer.root)
        assert message.startswith(f'{folder / "image_ids.txt"}, line 3: train/dog/1.jpg has')
        assert 'with_boxes=False' in message

    def test_line_numbers_count_blank_lines(self, split_writer):
        folder = split_writer.write_good()
        ids = (folder / 'image_ids.txt').read_text()
        (folder / 'image_ids.txt').write_text('\n\n' + ids)
        boxes = (folder / 'localization.txt').read_text().replace('31,63', '31,99')
        (folder / 'localization.txt').write_text('\n' + boxes)
        assert 'localization.txt, line 5: the box 1,2,31,99' in message_of(split_writer.root)
        os.remove(split_writer.root / 'images/train/dog/1.jpg')
        message = message_of(split_writer.root, with_boxes=False)
        assert 'image_ids.txt, line 5: train/dog/1.jpg is listed' in message

    def test_boxes_in_shares_of_the_picture(self, split_writer):
        folder = split_writer.write_good()
        ids = (folder / 'image_ids.txt').read_text().splitlines()
        boxes = [f'{image_id},0.25,0,0.75,1' for image_id in ids]
        split_writer.write('train', localization=boxes)
        expected = (
            f'{folder}/localization.txt, line 1: the box 0.25,0,0.75,1 of {ids[0]} lies between 0 '
            'and 1, as all boxes of its split do (2 more lines like this). Boxes are in pixels: '
            'multiply x by the width of the picture, and y by its height'
        )
        assert message_of(split_writer.root) == expected
        (folder / 'image_sizes.txt').unlink()
        assert message_of(split_writer.root) == expected
        # Where one is larger, or there is only one, they are small ones.
        replace_line(folder / 'localization.txt', 3, f'{ids[2]},0,0,0.5,1.5')
        assert len(build(split_writer.root)) == 3
        split_writer.write(
            'train', image_ids=ids[:1], class_labels=[f'{ids[0]},0'], localization=boxes[:1]
        )
        assert len(build(split_writer.root)) == 1

    def test_several_bad_boxes_are_counted(self, split_writer):
        folder = split_writer.write_good()
        replace_line(folder / 'localization.txt', 2, 'train/cat/2.jpg,0,0,500,50')
        replace_line(folder / 'localization.txt', 4, 'train/dog/1.jpg,0,0,500,50')
        message = message_of(split_writer.root)
        assert 'localization.txt, line 2: the box 0,0,500,50 of train/cat/2.jpg' in message
        assert '(1 more line like this)' in message

    def test_corner_on_the_size_is_allowed(self, split_writer):
        # Line 2 of the good set ends at x1 = width, y1 = height.
        split_writer.write_good()
        np.testing.assert_array_equal(
            build(split_writer.root).get_data_info(1)['gt_bboxes'][0], [0, 0, 50, 50]
        )

    def test_negative_corner_without_sizes(self, split_writer):
        folder = split_writer.write_good()
        (folder / 'image_sizes.txt').unlink()
        replace_line(folder / 'localization.txt', 1, 'train/cat/1.jpg,5,-6,30,39')
        message = message_of(split_writer.root)
        assert 'localization.txt, line 1' in message
        assert 'lies outside its picture' in message

    def test_box_beyond_its_picture_without_sizes(self, split_writer):
        folder = split_writer.write_good()
        (folder / 'image_sizes.txt').unlink()
        assert len(build(split_writer.root)) == 3  # a box of its ends at the picture's end
        replace_line(folder / 'localization.txt', 1, 'train/cat/1.jpg,5,6,30,41')
        message = message_of(split_writer.root)
        expected = 'the box 5,6,30,41 of train/cat/1.jpg lies outside its picture of 60x40 pixels'
        assert f'{folder / "localization.txt"}, line 1: {expected}' in message
        assert len(build(split_writer.root, check_files=False)) == 3
        assert len(build(split_writer.root, with_boxes=False)) == 3

        # Shown on its side it has 40x60 pixels.
        path = split_writer.root / 'images/train/cat/1.jpg'
        put_on_its_side(path)
        dataset = build(split_writer.root, pipeline=[dict(type='LoadLocImage')])
        assert len(dataset) == 3
        with pytest.raises(AnnotationError, match='60x40 pixels, and a box of its split lies outs'):
            dataset[0]
        assert dataset[1]['img_shape'] == (50, 50)

    @pytest.mark.parametrize('corner', ['41,41', '5,61', '61,5'])
    def test_box_beyond_its_picture_however_it_is_turned(self, split_writer, corner):
        file = split_writer.write_good() / 'localization.txt'
        file.with_name('image_sizes.txt').unlink()
        put_on_its_side(split_writer.root / 'images/train/cat/1.jpg')
        # Of the picture as it is stored, and of it as it is shown.
        for fitting in ('60,40', '40,60'):
            replace_line(file, 1, f'train/cat/1.jpg,5,5,{fitting}')
            assert len(build(split_writer.root)) == 3
        replace_line(file, 1, f'train/cat/1.jpg,5,5,{corner}')
        assert message_of(split_writer.root) == (
            f'{file}, line 1: the box 5,5,{corner} of train/cat/1.jpg lies outside its picture of '
            '60x40 pixels, and of 40x60 if it is turned as its file notes. Correct the box, or '
            'the size'
        )
        # Others are turned by nobody.
        replace_line(file, 1, 'train/cat/1.jpg,5,5,60,40')
        replace_line(file, 4, 'train/dog/1.jpg,5,5,64,32')
        assert message_of(split_writer.root).startswith(
            f'{file}, line 4: the box 5,5,64,32 of train/dog/1.jpg lies outside its picture of '
            '32x64 pixels. Correct'
        )

    def test_sizes_that_do_not_fit_the_pictures(self, split_writer, monkeypatch):
        """Else they are found where pictures are read: at the first validation."""
        file = split_writer.write_good() / 'image_sizes.txt'
        picture = split_writer.root / 'images/train/cat/1.jpg'
        replace_line(file, 1, 'train/cat/1.jpg,40,60')
        assert message_of(split_writer.root) == (
            f'{file}: the size of train/cat/1.jpg is 40x60 there, and 60x40 in {picture}. Correct '
            'the size, and the boxes; or, to compare none, set check_files=False here and '
            'check_size=False in LoadLocImage'
        )
        for others in (dict(check_files=False), dict(with_boxes=False)):
            assert len(build(split_writer.root, **others)) == 3
        # The pipeline may turn it.
        put_on_its_side(picture)
        assert len(build(split_writer.root)) == 3
        # What is no picture is another's matter.
        picture.write_bytes(b'none')
        assert len(build(split_writer.root)) == 3
        # Of many pictures some are looked at.
        looked = []
        monkeypatch.setattr(
            'bas_mm.datasets.split_folder.picture_size',
            lambda path: looked.append(path) or (0, 0),
        )
        monkeypatch.setattr(
            'bas_mm.datasets.split_folder.spread', partial(listed_files.spread, count=2)
        )
        build(split_writer.root)
        assert sorted(path[-9:] for path in looked) == ['cat/1.jpg', 'dog/1.jpg']

    def test_what_is_no_picture_is_refused_in_test_mode(self, split_writer, monkeypatch):
        folder = split_writer.write_good()
        (folder / 'image_sizes.txt').unlink()
        first, last = (split_writer.root / f'images/train/{name}/1.jpg' for name in ('cat', 'dog'))
        whole = first.read_bytes()
        for path in (first, last):
            path.write_bytes(b'no picture')
        assert message_of(split_writer.root, test_mode=True) == (
            f'{folder}/image_ids.txt, line 1: unreadable picture {first}: UnidentifiedImageError: '
            'cannot identify image file (1 more line like this). Repair it, or take it from all '
            'lists: validation and test need each picture'
        )
        # In training it may be passed over.
        assert len(build(split_writer.root)) == 3
        # By make_boxes.py they are left out.
        for settings in (dict(check_files=False), dict(skip_unreadable=True)):
            assert len(build(split_writer.root, test_mode=True, **settings)) == 3

        # What Pillow does not know OpenCV may read.
        def broken_open(_):
            raise OSError

        first.write_bytes(whole)
        last.write_bytes(whole)
        monkeypatch.setattr(Image, 'open', broken_open)
        dataset = build(split_writer.root, test_mode=True)
        assert dataset.get_data_info(0)['boxes_unchecked']

    def test_sizes_of_pictures_with_damaged_notes(self, split_writer):
        """An EXIF block that is no TIFF; Pillow has looked at it before where no dpi is told."""
        folder = split_writer.write_good()
        (folder / 'image_sizes.txt').unlink()
        path = split_writer.root / 'images/train/cat/1.jpg'
        for notes in (b'no TIFF at all', b'II*\0'):
            Image.new('RGB', (60, 40)).save(path, dpi=(72, 72), exif=b'Exif\0\0' + notes)
            assert len(build(split_writer.root)) == 3
        replace_line(folder / 'localization.txt', 1, 'train/cat/1.jpg,5,6,30,41')
        assert 'lies outside its picture of 60x40 pixels' in message_of(split_writer.root)

    @pytest.mark.parametrize('limit', [100, 2000])
    @pytest.mark.filterwarnings('error')
    def test_sizes_of_pictures_beyond_the_limit_of_pillow(self, split_writer, monkeypatch, limit):
        """It refuses pictures of twice its limit, and warns of those above it."""
        folder = split_writer.write_good()
        (folder / 'image_sizes.txt').unlink()
        monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', limit)
        assert len(build(split_writer.root)) == 3
        replace_line(folder / 'localization.txt', 1, 'train/cat/1.jpg,5,6,30,41')
        assert 'lies outside its picture of 60x40 pixels' in message_of(split_writer.root)
        assert limit == Image.MAX_IMAGE_PIXELS

    def test_picture_not_on_disk(self, split_writer):
        folder = split_writer.write_good()
        picture = split_writer.root / 'images/train/cat/2.jpg'
        picture.unlink()
        message = message_of(split_writer.root)
        assert message.startswith(f'{folder / "image_ids.txt"}, line 2: train/cat/2.jpg is listed')
        assert str(picture) in message
        assert len(build(split_writer.root, check_files=False)) == 3

    @pytest.mark.parametrize(
        ('listed', 'found', 'difference'),
        [
            ('caf\u00e9/1.jpg', 'cafe\u0301/1.jpg', "normalize('NFD', name)"),
            ('cafe\u0301/1.jpg', 'caf\u00e9/1.jpg', "normalize('NFC', name)"),
            ('a/e\u0301.jpg', 'a/\u00e9.jpg', "normalize('NFC', name)"),
            ('a/1.jpg', 'a/1.JPG', 'capital letters are told from small ones'),
            ('a/1.jpg', 'A/1.jpg', 'capital letters are told from small ones'),
            ('a\\b\\1.jpg', 'a/b/1.jpg', 'folders are divided by /'),
            ('A\\e\u0301.jpg', 'a/\u00e9.JPG', 'capital letters are told from small ones'),
        ],
    )
    def test_picture_of_another_spelling(
        self, split_writer, make_picture, listed, found, difference
    ):
        make_picture(split_writer.root / 'images' / found, 20, 10)
        folder = split_writer.write(
            'train', image_ids=[listed, '2.jpg'], class_labels=[f'{listed},0', '2.jpg,0']
        )
        message = message_of(split_writer.root, with_boxes=False)
        start = f'{folder}/image_ids.txt, line 1: {listed} is listed, but the picture is called '
        assert message.startswith(f'{start}{found}: ')
        assert difference in message
        assert message.endswith(
            ' (1 more line like this). Write the list as the pictures are named, or rename these'
        )

    def test_directory_not_on_disk(self, split_writer):
        split_writer.write_good()
        for name in ('1.jpg', '2.jpg'):
            (split_writer.root / 'images/train/cat' / name).unlink()
        (split_writer.root / 'images/train/cat').rmdir()
        message = message_of(split_writer.root)
        assert 'image_ids.txt, line 1: train/cat/1.jpg is listed' in message
        assert '(1 more line like this)' in message

    def test_each_directory_is_listed_once(self, split_writer, monkeypatch):
        split_writer.write_good()
        listed = []
        scandir = os.scandir
        monkeypatch.setattr(os, 'scandir', lambda path: listed.append(str(path)) or scandir(path))
        build(split_writer.root, check_disjoint=False)
        images = split_writer.root / 'images'
        assert sorted(listed) == [str(images / 'train/cat'), str(images / 'train/dog')]

    def test_no_image_root(self, split_writer):
        split_writer.write_good()
        message = message_of(split_writer.root, data_prefix=dict(img_path='pictures'))
        assert message.startswith(f'{split_writer.root / "pictures"}: there is no such folder')

    def test_no_split_folder(self, split_writer):
        split_writer.write_good()
        message = message_of(split_writer.root, split='tset')
        assert message.startswith(f'{split_writer.root / "metadata/tset"}: there is no such folder')

    @pytest.mark.parametrize('name', ['image_ids', 'class_labels', 'localization'])
    def test_no_file(self, split_writer, name):
        file = split_writer.write_good() / f'{name}.txt'
        file.unlink()
        assert message_of(split_writer.root).startswith(f'{file}: there is no such file')

    def test_not_text(self, split_writer):
        file = split_writer.write_good() / 'image_ids.txt'
        file.write_bytes(b'\xff\xd8\xff')
        assert message_of(split_writer.root).startswith(f'{file}: cannot be read')

    @pytest.mark.parametrize('text', ['', '\n \n'])
    def test_empty_split(self, split_writer, text):
        file = split_writer.write_good() / 'image_ids.txt'
        file.write_text(text)
        assert message_of(split_writer.root).startswith(f'{file}: the split is empty')

    def test_empty_labels(self, split_writer):
        folder = split_writer.write_good()
        (folder / 'class_labels.txt').write_text('')
        message = message_of(split_writer.root)
        assert message.startswith(f'{folder / "image_ids.txt"}, line 1: train/cat/1.jpg has no')
        assert '(2 more lines like this)' in message

    def test_empty_localization(self, split_writer):
        folder = split_writer.write_good()
        (folder / 'localization.txt').write_text('')
        assert 'image_ids.txt, line 1: train/cat/1.jpg has' in message_of(split_writer.root)


class TestDisjoint:
    def test_image_in_two_splits(self, split_writer):
        train = split_writer.write_good('train')
        test = split_writer.write_good('test')
        ids = (test / 'image_ids.txt').read_text()
        (test / 'image_ids.txt').write_text(ids + 'train/dog/1.jpg\n')
        message = message_of(split_writer.root)
        assert message.startswith(f'{train / "image_ids.txt"}, line 3: train/dog/1.jpg is also')
        assert f'{test / "image_ids.txt"}, line 4' in message
        assert len(build(split_writer.root, check_disjoint=False)) == 3
        assert len(build(split_writer.root, check_disjoint=['val'])) == 3
        assert 'is also in another split' in message_of(split_writer.root, check_disjoint='test')

    def test_disjoint_splits(self, split_writer):
        split_writer.write_good('train')
        split_writer.write_good('val')
        assert len(build(split_writer.root, 'train')) == len(build(split_writer.root, 'val')) == 3

    def test_the_same_folder_by_another_name(self, split_writer):
        split_writer.write_good('train')
        os.symlink('train', split_writer.root / 'metadata' / 'latest')
        assert len(build(split_writer.root, 'latest')) == 3


def test_many_lines(split_writer):
    """A list of 200 000 pictures is read as exactly as a short one."""
    count = 200_000
    ids = [f'c{i % 1000}/{i}.jpg' for i in range(count)]
    folder = split_writer.write(
        'train',
        image_ids=ids,
        class_labels=[f'{image_id},{i % 1000}' for i, image_id in enumerate(ids)],
        image_sizes=[f'{image_id},{100 + i % 7},90' for i, image_id in enumerate(ids)],
        localization=[f'{image_id},1,2,{50 + i % 40},80' for i, image_id in enumerate(ids)],
    )
    dataset = build(split_writer.root, classes=1000, check_files=False)
    assert len(dataset) == count
    for i in (0, 123_456, count - 1):
        info = dataset.get_data_info(i)
        assert info['image_id'] == ids[i]
        assert (info['gt_label'], info['width'], info['height']) == (i % 1000, 100 + i % 7, 90)
        np.testing.assert_array_equal(info['gt_bboxes'], [[1, 2, 50 + i % 40, 80]])
    replace_line(folder / 'localization.txt', 199_999, f'{ids[199_998]},1,2,101,91')
    assert 'localization.txt, line 199999: ' in message_of(
        split_writer.root, classes=1000, check_files=False
    )
