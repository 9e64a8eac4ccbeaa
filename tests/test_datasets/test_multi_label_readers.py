"""Sets with several classes per picture: what is read, and the message for each bad input."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
import torch
from edits import error_of, infos_of, put_on_its_side, replace_line
from mmseg.datasets import COCOStuffDataset
from releases import write_lines, write_picture
from segmentation_sets import (
    COCO_IDS,
    COCO_LABELS,
    VOC_LABELS,
    VOC_NAMES,
    coco_content,
    coco_name,
    write_coco,
    write_voc,
)

from bas_mm.datasets import (
    AnnotationError,
    COCO14MultiLabel,
    MultiLabelList,
    UnreadableImageError,
    VOC12MultiLabel,
)

PIPELINE = [
    dict(type='LoadLocImage'),
    dict(type='mmpretrain.PackInputs', meta_keys=('image_id', 'ori_shape', 'seg_map_path')),
]


@pytest.fixture
def voc(tmp_path):
    return write_voc(tmp_path / 'VOC2012')


@pytest.fixture
def coco(tmp_path):
    return write_coco(tmp_path / 'coco')


@pytest.fixture
def pets(tmp_path):
    """Own data: pictures in two folders, a list, one mask."""
    root = tmp_path / 'pets'
    for seed, name in enumerate(('a/1.png', 'a/2.JPG', 'b/3.jpeg')):
        write_picture(root / 'pictures' / name, 20, 16, seed)
    write_picture(root / 'masks' / '3.png', 20, 16)
    write_lines(root / 'train.txt', ['a/1.png cat', 'a/2 red_dog cat cat', 'b/3 red_dog'])
    return root


def _pets(root, **kwargs):
    settings = dict(
        classes=('cat', 'red dog'),
        data_root=str(root),
        data_prefix=dict(img_path='pictures', seg_map_path='masks'),
    )
    return MultiLabelList('train.txt', **{**settings, **kwargs})


def _labels(dataset):
    return {info['image_id']: info['gt_label'] for info in infos_of(dataset)}


class TestVOC:
    def test_from_the_devkit(self, voc):
        dataset = VOC12MultiLabel(str(voc))
        assert list(dataset.metainfo['classes']) == VOC_NAMES
        assert dataset.metainfo['palette'][:3] == [(0, 0, 0), (128, 0, 0), (0, 128, 0)]
        assert dataset.metainfo['palette'][20] == (0, 64, 128)
        assert len(dataset.metainfo['palette']) == 21
        expected = {k: v for k, v in VOC_LABELS.items() if k != '2009_000001'}
        assert _labels(dataset) == expected
        info = dataset.get_data_info(1)
        assert info['img_path'] == str(voc / 'JPEGImages' / '2007_000039.jpg')
        assert info['seg_map_path'] == str(voc / 'SegmentationClass' / '2007_000039.png')
        assert 'seg_map_path' not in dataset.get_data_info(2), 'the devkit has no mask of it'
        assert [dataset.get_cat_ids(i) for i in range(3)] == list(expected.values())
        assert dataset.num_classes == 20

    def test_masks_of_another_folder_or_none(self, voc):
        prefix = dict(seg_map_path='SegmentationClassAug')
        info = VOC12MultiLabel(str(voc), data_prefix=prefix).get_data_info(2)
        assert info['seg_map_path'] == str(voc / 'SegmentationClassAug' / '2008_000008.png')
        info = VOC12MultiLabel(str(voc), data_prefix=dict(seg_map_path=None)).get_data_info(0)
        assert 'seg_map_path' not in info
        assert not VOC12MultiLabel.names_masks(dict(data_prefix=dict(seg_map_path=None)))
        assert VOC12MultiLabel.names_masks({})

    def test_pictures_of_another_folder(self, voc):
        (voc / 'JPEGImages').rename(voc / 'pictures')
        info = VOC12MultiLabel(str(voc), data_prefix='pictures').get_data_info(0)
        assert Path(info['img_path']).parent == voc / 'pictures'
        assert 'seg_map_path' in info, 'the other folders are those of the release'
        with pytest.raises(AnnotationError, match=r"data_prefix=dict\(img_path='FOLDER'\)"):
            VOC12MultiLabel(str(voc), data_prefix=dict(img='pictures'))

    def test_splits(self, voc):
        assert _labels(VOC12MultiLabel(str(voc), 'val')) == {'2009_000001': [18, 19]}
        # Segmentation goes before Main.
        assert len(VOC12MultiLabel(str(voc), 'train')) == 2
        assert list(_labels(VOC12MultiLabel(str(voc), 'main_only'))) == ['2008_000008']
        pairs = [
            '/JPEGImages/2009_000001.jpg /SegmentationClassAug/2009_000001.png',
            r'JPEGImages\2007_000032.jpg SegmentationClassAug\2007_000032.png',
        ]
        write_lines(voc / 'lists' / 'pairs.txt', pairs)
        for split in ('lists/pairs.txt', str(voc / 'lists' / 'pairs.txt')):
            found = _labels(VOC12MultiLabel(str(voc), split))
            assert found == {'2009_000001': [18, 19], '2007_000032': [11, 14]}

    def test_difficult_objects(self, voc):
        assert _labels(VOC12MultiLabel(str(voc), 'main_only')) == {'2008_000008': [7, 8]}
        dataset = VOC12MultiLabel(str(voc), 'main_only', with_difficult=False)
        assert _labels(dataset) == {'2008_000008': [8]}

    def test_labels_of_a_list(self, voc):
        (voc / 'Annotations').rename(voc / 'elsewhere')
        names = [
            ' '.join([name, *(VOC_NAMES[k] for k in labels)]) for name, labels in VOC_LABELS.items()
        ]
        write_lines(voc / 'names.txt', names)
        rows = VOC_LABELS.items()
        numbers = [' '.join(map(str, [f'{name}.jpg', *labels[::-1]])) for name, labels in rows]
        write_lines(voc / 'numbers.txt', numbers)
        for file in ('names.txt', 'numbers.txt', str(voc / 'names.txt')):
            for split, ids in (('val', ['2009_000001']), ('train', list(VOC_LABELS)[:2])):
                found = _labels(VOC12MultiLabel(str(voc), split, labels=file))
                assert found == {name: VOC_LABELS[name] for name in ids}

    def test_through_the_pipeline(self, voc):
        item = VOC12MultiLabel(str(voc), pipeline=PIPELINE, test_mode=True)[0]
        assert item['inputs'].shape == (3, 40, 60)
        sample = item['data_samples']
        assert sample.gt_label.tolist() == [11, 14]
        assert sample.image_id == '2007_000032'
        assert sample.seg_map_path.endswith('SegmentationClass/2007_000032.png')

    def test_unknown_class(self, voc):
        file = voc / 'Annotations' / '2007_000039.xml'
        file.write_text(file.read_text().replace('aeroplane', 'airplane'))
        message = error_of(VOC12MultiLabel, str(voc))
        assert message.startswith(f"{file}, line 18: unknown class 'airplane'")

    def test_picture_without_objects(self, voc):
        file = voc / 'Annotations' / '2007_000039.xml'
        text = file.read_text()
        start, end = text.index('\t<object>'), text.index('</annotation>')
        file.write_text(text[:start] + text[end:])
        for test_mode in (False, True):
            message = error_of(VOC12MultiLabel, str(voc), test_mode=test_mode)
            assert 'train_aug.txt, line 2: 2007_000039.jpg has no class' in message
        dataset = VOC12MultiLabel(str(voc), allow_unlabelled=True, pipeline=PIPELINE)
        assert _labels(dataset)['2007_000039'] == []
        label = dataset[1]['data_samples'].gt_label
        assert label.shape == (0,)
        assert label.dtype == torch.int64

    def test_missing_files(self, voc):
        (voc / 'Annotations' / '2007_000032.xml').unlink()
        assert '2007_000032.xml: there is no such file' in error_of(VOC12MultiLabel, str(voc))
        (voc / 'JPEGImages' / '2009_000001.jpg').unlink()
        message = error_of(VOC12MultiLabel, str(voc), 'val')
        assert 'val.txt, line 1: 2009_000001.jpg is listed, but there is no picture' in message
        with pytest.raises(UnreadableImageError, match='2009_000001'):
            VOC12MultiLabel(str(voc), 'val', check_files=False, pipeline=PIPELINE)[0]

    def test_missing_split(self, voc, tmp_path):
        (voc / 'ImageSets' / 'Segmentation' / 'train_aug.txt').unlink()
        assert 'tools/dataset_converters/voc12_lists.py' in error_of(VOC12MultiLabel, str(voc))
        assert 'Correct `split`' in error_of(VOC12MultiLabel, str(voc), 'vall')
        assert 'there is no such file' in error_of(VOC12MultiLabel, str(voc), 'mine.txt')
        assert 'there is no such folder' in error_of(VOC12MultiLabel, str(tmp_path / 'VOC'))

    def test_what_it_is_made_of(self, voc):
        def paths(**settings) -> set[str]:
            config = dict(type='VOC12MultiLabel', data_root=str(voc), **settings)
            found = VOC12MultiLabel.needed_paths(config, masks=False)
            return {Path(path).relative_to(voc).as_posix() for path in found}

        lists = 'ImageSets/Segmentation', 'ImageSets/Main'
        usual = {'JPEGImages', 'Annotations'}
        assert paths() == {*usual, f'{lists[0]}/train_aug.txt'}
        assert paths(split='main_only') == {*usual, f'{lists[1]}/main_only.txt'}
        assert paths(split='nowhere') == {*usual, f'{lists[0]}/nowhere.txt'}
        own = paths(split='my.txt', labels='l.txt', data_prefix=dict(img_path='pictures'))
        assert own == {'pictures', 'my.txt', 'l.txt'}
        for names in ('names.txt', Path('names.txt')):  # which is not opened
            own = paths(classes=names, data_prefix=Path('pictures'))
            assert own == {'pictures', 'Annotations', f'{lists[0]}/train_aug.txt', 'names.txt'}

    @pytest.mark.parametrize(
        ('lines', 'line', 'expected'),
        [
            (['2007_000032', '2007_000032'], 2, '2007_000032 was listed before, in line 1'),
            (['2007_000032  1', '2007_000039 -1'], 1, 'an id, or the paths of a picture'),
            (['/JPEGImages/2007_000032.jpg /S/2007_000039.png'], 1, 'an id, or the paths'),
            (['a b c'], 1, 'an id, or the paths'),
            # An id and a class, not a picture and its mask.
            (['7 7'], 1, 'an id, or the paths'),
        ],
    )
    def test_bad_split(self, voc, lines, line, expected):
        write_lines(voc / 'bad.txt', lines)
        message = error_of(VOC12MultiLabel, str(voc), 'bad.txt')
        assert message.startswith(f'{voc}/bad.txt, line {line}: {expected}')

    @pytest.mark.parametrize(
        ('number', 'text', 'expected'),
        [
            (2, None, 'train.txt, line 2: 2007_000039 has no line in'),
            (
                2,
                '2007_000039',
                'labels.txt, line 2: 2007_000039 has no class. Write its classes behind it, take '
                'the line out, or set allow_unlabelled=True',
            ),
            (2, '2007_000039 aeroplain', "labels.txt, line 2: unknown class 'aeroplain'"),
            (2, '2007_000039 0', "labels.txt, line 2: unknown class '0'"),
            (2, '2007_000032.jpg dog', 'line 2: 2007_000032 was listed before, in line 1'),
        ],
    )
    def test_bad_label_list(self, voc, number, text, expected):
        write_lines(voc / 'labels.txt', ['2007_000032 person dog', '2007_000039 aeroplane'])
        replace_line(voc / 'labels.txt', number, text)
        assert expected in error_of(VOC12MultiLabel, str(voc), 'train', labels='labels.txt')

    @pytest.mark.parametrize('index', ['20', '-1'])
    def test_index_out_of_range(self, voc, index):
        write_lines(voc / 'labels.txt', ['2007_000032 14 11', f'2007_000039 {index}'])
        message = error_of(VOC12MultiLabel, str(voc), 'train', labels='labels.txt')
        assert f"labels.txt, line 2: unknown class '{index}'" in message
        assert message.endswith('Indices are counted from 0, to 19')

    def test_empty_list(self, voc):
        write_lines(voc / 'bad.txt', [])
        assert 'the list is empty' in error_of(VOC12MultiLabel, str(voc), 'bad.txt')


class TestUnreadable:
    def test_replaced_in_training_only(self, voc, bad_image):
        (voc / 'JPEGImages' / '2007_000032.jpg').write_bytes(bad_image.read_bytes())
        with pytest.raises(UnreadableImageError, match='2007_000032.*skip_unreadable=True'):
            VOC12MultiLabel(str(voc), pipeline=PIPELINE)[0]
        settings = dict(pipeline=PIPELINE, skip_unreadable=True)
        item = VOC12MultiLabel(str(voc), **settings)[0]
        assert item['data_samples'].image_id != '2007_000032'
        with pytest.raises(UnreadableImageError, match='2007_000032'):
            VOC12MultiLabel(str(voc), test_mode=True, **settings)[0]


class TestCOCO:
    def test_from_the_json(self, coco, monkeypatch):
        messages = []
        module = 'bas_mm.datasets.coco14_multi_label'
        monkeypatch.setattr(f'{module}.print_log', lambda text, logger: messages.append(text))
        dataset = COCO14MultiLabel(str(coco))
        assert _labels(dataset) == {
            f'COCO_train2014_{number:012d}': labels for number, labels in COCO_LABELS.items()
        }
        (message,) = messages
        assert '1 of 4 pictures have no object' in message
        info = dataset.get_data_info(0)
        assert info['img_path'] == str(coco / 'train2014' / coco_name('train2014', 9))
        assert 'seg_map_path' not in info
        assert len(dataset.metainfo['classes']) == len(COCO_IDS) == 80
        assert dataset.metainfo['classes'] == tuple(COCOStuffDataset.METAINFO['classes'][:80])
        assert len(dataset.metainfo['palette']) == 81

    def test_the_classes_are_frozen(self):
        """They are taken from torchvision, and trained weights depend on their order."""
        classes = COCO14MultiLabel.METAINFO['classes']
        assert (len(classes), classes[0], classes[-1]) == (80, 'person', 'toothbrush')
        digest = hashlib.sha256('\n'.join(classes).encode()).hexdigest()
        assert digest == 'd7654b26101572841ed1cd80aa03aa60e35f1b8acb4aea6906c4066886f16e07'

    def test_val_and_masks(self, coco):
        name = coco_name('val2014', 25).replace('jpg', 'png')
        write_picture(coco / 'masks' / 'val2014' / name, 32, 24)
        infos = infos_of(COCO14MultiLabel(str(coco), 'val2014'))
        assert infos[0]['img_path'] == str(coco / 'val2014' / coco_name('val2014', 9))
        masks = [info.get('seg_map_path') for info in infos]
        assert masks == [None, str(coco / 'masks' / 'val2014' / name), None]

    def test_unlabelled(self, coco):
        message = error_of(COCO14MultiLabel, str(coco), skip_unlabelled=False)
        assert f'image 3: {coco_name("train2014", 30)} has no class' in message
        dataset = COCO14MultiLabel(str(coco), allow_unlabelled=True)
        assert [len(info['gt_label']) for info in infos_of(dataset)] == [2, 2, 0, 1]

    def test_from_a_list(self, coco):
        lines = [
            'COCO_train2014_000000000025 traffic_light person',
            'COCO_train2014_000000000034.jpg toothbrush',
        ]
        write_lines(coco / 'labels.txt', lines)
        (coco / 'annotations').rename(coco / 'elsewhere')
        dataset = COCO14MultiLabel(str(coco), labels='labels.txt')
        assert list(_labels(dataset).values()) == [[0, 9], [79]]
        with pytest.raises(ValueError, match='one of the two'):
            COCO14MultiLabel(str(coco), labels='labels.txt', ann_file='a.json')

    @pytest.mark.parametrize(
        ('kind', 'entry', 'change', 'expected'),
        [
            ('annotations', 2, dict(image_id=7), 'entry of annotations 3: there is no image 7'),
            ('annotations', 1, dict(category_id=12), 'annotations 2: there is no category 12'),
            ('annotations', 0, None, "entry of annotations 1: it has no 'image_id'"),
            ('images', 1, dict(id=9), 'image 2: the image id 9 stood there before'),
            ('images', 1, dict(file_name='none.jpg'), 'image 2: none.jpg is listed, but'),
            ('images', 0, None, "entry of images 1: it has no 'file_name'"),
            ('images', 1, dict(file_name=25), "images 2: its 'file_name' is 25: a text is needed"),
            ('images', 1, dict(id=[25]), "images 2: its 'id' is [25]: a whole number or"),
            (
                'images',
                1,
                dict(file_name='a/COCO_train2014_000000000009.png'),
                'image 2: a/COCO_train2014_000000000009.png, of the id 25, has the name of the '
                'image 9. Take one of the two out',
            ),
            ('annotations', 2, dict(image_id={}), "annotations 3: its 'image_id' is {}: a whole"),
            ('categories', 4, dict(name='yeti'), "categories 5: unknown class 'yeti'"),
            ('categories', 4, dict(name=['cat']), "categories 5: its 'name' is ['cat']: a text"),
            ('categories', 4, dict(id=1), 'categories 80: the id 1 stood there before'),
        ],
    )
    def test_bad_json(self, coco, kind, entry, change, expected):
        content = coco_content('train2014')
        content[kind][entry] = {} if change is None else {**content[kind][entry], **change}
        (coco / 'annotations' / 'instances_train2014.json').write_text(json.dumps(content))
        assert expected in error_of(COCO14MultiLabel, str(coco))

    def test_what_it_is_made_of(self, coco):
        def paths(masks: bool = True, **settings) -> dict[str, str]:
            config = dict(type='COCO14MultiLabel', data_root=str(coco), **settings)
            found = COCO14MultiLabel.needed_paths(config, masks)
            return {Path(k).relative_to(coco).as_posix(): advice for k, advice in found.items()}

        json_file, masks = 'annotations/instances_train2014.json', 'masks/train2014'
        assert set(paths()) == {'train2014', json_file, masks}
        assert set(paths(masks=False)) == {'train2014', json_file}
        assert set(paths(data_prefix=dict(seg_map_path=None))) == {'train2014', json_file}
        listed = paths(split='val2014', labels='labels/val2014.txt')
        assert set(listed) == {'val2014', 'labels/val2014.txt', 'masks/val2014'}
        tool = 'python tools/dataset_converters/coco14_lists.py COCO_FOLDER'
        assert listed['labels/val2014.txt'] == f'Make it with {tool}'
        assert listed['masks/val2014'].startswith(
            f'It is for true masks (data_prefix.seg_map_path). Make them with {tool}, or '
        )

    def test_some_of_the_classes_need_a_list(self, coco):
        message = error_of(COCO14MultiLabel, str(coco), classes=['person', 'cat'])
        assert re.search(r"entry of categories \d+: unknown class '.*'. The classes must", message)
        assert 'but there are 2, from person on: complete them, or' in message
        write_lines(coco / 'labels.txt', ['COCO_train2014_000000000025 person'])
        options = dict(classes=['person'], labels='labels.txt')
        assert list(_labels(COCO14MultiLabel(str(coco), **options)).values()) == [[0]]

    def test_a_byte_order_mark(self, coco):
        file = coco / 'annotations' / 'instances_train2014.json'
        file.write_text(file.read_text(), encoding='utf-8-sig')
        assert len(COCO14MultiLabel(str(coco))) == 3

    def test_not_the_right_file(self, coco):
        file = coco / 'annotations' / 'instances_train2014.json'
        file.write_text('{"images": [],')
        assert 'line 1: it is no JSON' in error_of(COCO14MultiLabel, str(coco))
        file.write_text('{"images": [], "annotations": []}')
        assert "it has no list 'categories'" in error_of(COCO14MultiLabel, str(coco))
        file.unlink()
        assert 'there is no such file' in error_of(COCO14MultiLabel, str(coco))


class TestList:
    def test_names_with_and_without_endings(self, pets, monkeypatch):
        dataset = _pets(pets)
        assert _labels(dataset) == {'1': [0], '2': [0, 1], '3': [1]}
        infos = infos_of(dataset)
        assert infos[1]['img_path'] == str(pets / 'pictures' / 'a' / '2.JPG')
        assert infos[2]['seg_map_path'] == str(pets / 'masks' / '3.png')
        # Relative paths are below data_root once.
        monkeypatch.chdir(pets.parent)
        assert _labels(_pets(pets.name)) == _labels(dataset)

    def test_a_class_that_is_the_only_one(self, pets):
        message = error_of(_pets, pets, classes=['cat'])
        assert "unknown class 'red_dog'. The only class is cat: correct the name" in message

    def test_indices_and_a_file_of_classes(self, pets):
        write_lines(pets / 'train.txt', ['a/1 1 0', 'b/3 0'])
        write_lines(pets / 'classes.txt', ['cat', 'red dog'])
        for classes in (2, 'classes.txt'):
            assert _labels(_pets(pets, classes=classes)) == {'1': [0, 1], '3': [0]}
        # Files of a palette have no more colours.
        assert len(_pets(pets, classes=300).metainfo['palette']) == 256
        own = [(1, 2, 3)] * 3
        assert _pets(pets, classes=2, metainfo=dict(palette=own)).metainfo['palette'] == own
        write_lines(pets / 'train.txt', ['a/1 1 cat'])
        assert "unknown class '1'" in error_of(_pets, pets)

    def test_names_of_digits_go_before_indices(self, pets):
        write_lines(pets / 'train.txt', ['a/1 1', 'a/2 3 2'])
        assert _labels(_pets(pets, classes=['1', '2', '3'])) == {'1': [0], '2': [1, 2]}
        # Where none of the numbers is a name they are indices.
        assert _labels(_pets(pets, classes=['x', 'y', 'z', '7'])) == {'1': [1], '2': [2, 3]}
        # Indices that look like names are not told from them.
        write_lines(pets / 'train.txt', ['a/1 2', 'a/2 0 1'])
        message = error_of(_pets, pets, classes=['1', '2', '3'])
        assert "train.txt, line 2: unknown class '0'" in message
        assert message.endswith('Names go before indices, and 1 is a name: write names alone')

    @pytest.mark.parametrize(
        ('lines', 'expected'),
        [
            (['a/1', 'a/2 cat'], 'train.txt, line 1: a/1 has no class'),
            (['a/1 cat', 'a/5 cat'], 'line 2: a/5 is listed, but there is no picture'),
            (['a/1 cat', '1.jpg cat'], 'line 2: 1 was listed before, in line 1'),
            (['a/1 cat', '', 'a/2 dog'], "line 3: unknown class 'dog'. The 2 classes are cat, red"),
            # None of the classes is left out.
            (['a/2 dog'], 'classes are cat, red dog: correct the name'),
        ],
    )
    def test_bad_lists(self, pets, lines, expected):
        write_lines(pets / 'train.txt', lines)
        assert expected in error_of(_pets, pets)

    @pytest.mark.parametrize('classes', [('cat', 'red dog'), 2])
    def test_names_with_spaces(self, pets, classes):
        word = 'cat' if classes != 2 else '0'
        for name in ('a/my photo.jpg', 'my own photo.JPG', 'a/my .jpg'):
            write_lines(pets / 'train.txt', [f'a/1 {word}', f'{name} {word}'])
            assert error_of(_pets, pets, classes=classes) == (
                f'{pets}/train.txt, line 2: the name {name!r} has a space, which names in this '
                'list cannot have, because what follows it are classes. Rename the picture'
            )
        # A class may be called so, and a mask is no part of a name.
        write_lines(pets / 'train.txt', ['a/1 x.jpg'])
        assert _labels(_pets(pets, classes=['x.jpg'])) == {'1': [0]}
        write_lines(pets / 'train.txt', ['a/1.png masks/3.png'])
        assert "unknown class 'masks/3.png'" in error_of(_pets, pets)

    def test_rotated_photographs_are_warned_of(self, pets, monkeypatch):
        said = []
        monkeypatch.setattr(
            'bas_mm.datasets.multi_label_list.print_log', lambda text, **_: said.append(text)
        )
        # What is no picture is another's matter.
        (pets / 'pictures/a/1.png').write_bytes(b'none')
        _pets(pets)
        assert said == []
        put_on_its_side(pets / 'pictures/b/3.jpeg')
        _pets(pets, check_files=False)
        assert said == []
        _pets(pets)
        (warning,) = said
        assert warning.startswith(
            f'1 of 3 pictures of {pets}/train.txt that were looked at are noted as rotated, such '
            f'as {pets}/pictures/b/3.jpeg. '
        )
        # Where the pipeline turns them, only masks are as stored.
        both = dict(img_path='pictures', seg_map_path='masks')
        stored = 'LoadLocImage and the masks have them as stored'
        for loader, folders, expected in (
            (dict(color_type='color'), both, ['LoadLocImage turns them, and the masks are as']),
            (dict(color_type='color'), dict(img_path='pictures'), []),
            (dict(color_type=1), dict(img_path='pictures'), []),
            (dict(color_type='unchanged'), dict(img_path='pictures'), [stored]),
            ({}, dict(img_path='pictures'), [stored]),
        ):
            said.clear()
            _pets(pets, data_prefix=folders, pipeline=[dict(type='LoadLocImage', **loader)])
            assert len(said) == len(expected)
            assert all(f'3.jpeg. {text}' in warning for text, warning in zip(expected, said))

    def test_two_pictures_of_one_name(self, pets):
        write_picture(pets / 'pictures' / 'a' / '1.jpg', 20, 16)
        write_lines(pets / 'train.txt', ['a/1 cat'])
        assert 'line 1: a/1 may be 1.jpg or 1.png' in error_of(_pets, pets)

    def test_a_dot_in_a_name_begins_no_ending(self, pets):
        write_picture(pets / 'pictures' / 'a' / '1.v2.png', 20, 16)
        write_lines(pets / 'train.txt', ['a/1 cat', 'a/1.v2 red_dog'])
        assert _labels(_pets(pets)) == {'1': [0], '1.v2': [1]}

    def test_unlabelled_allowed(self, pets):
        write_lines(pets / 'train.txt', ['a/1', 'a/2 cat'])
        assert _labels(_pets(pets, allow_unlabelled=True)) == {'1': [], '2': [0]}
