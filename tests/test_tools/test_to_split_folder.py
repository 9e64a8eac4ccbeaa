"""The converter of original releases: what it writes is what their readers read."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import cv2
import forked_python
import numpy as np
import pytest
from modules import load_module, status_of
from releases import (
    voc_xml,
    write_aircraft,
    write_cars,
    write_cub,
    write_dogs,
    write_ilsvrc,
    write_lines,
)

from bas_mm.datasets import (
    CUB200,
    FGVCAircraft,
    ILSVRCRelease,
    SplitFolder,
    StanfordCars,
    StanfordDogs,
)
from bas_mm.datasets.split_writer import clip_boxes, read_picture_sizes, write_split
from bas_mm.registry import DATASETS

CASES = {
    'cub': (write_cub, CUB200, {'train': 'train', 'test': 'test'}, 2),
    'ilsvrc': (write_ilsvrc, ILSVRCRelease, {'train': 'train', 'test': 'val'}, 3),
    'stanford_dogs': (write_dogs, StanfordDogs, {'train': 'train', 'test': 'test'}, 3),
    'stanford_cars': (write_cars, StanfordCars, {'train': 'train', 'test': 'test'}, 2),
    'fgvc_aircraft': (
        write_aircraft,
        FGVCAircraft,
        {'train': 'train', 'val': 'val', 'test': 'test'},
        3,
    ),
}


@pytest.fixture(scope='module')
def script(repo_dir: Path) -> Path:
    return repo_dir / 'tools/dataset_converters/to_split_folder.py'


@pytest.fixture(scope='module')
def converter(script: Path) -> ModuleType:
    return load_module(script)


@pytest.mark.parametrize('name', CASES)
def test_round_trip(converter, tmp_path, name, capsys):
    write, reader, splits, num_classes = CASES[name]
    source, target = write(tmp_path / 'release'), tmp_path / 'new' / 'metadata'
    options = dict(classes=num_classes) if name == 'ilsvrc' else {}
    argv = ['--classes', str(num_classes)] if name == 'ilsvrc' else []
    assert status_of(converter.main, [name, str(source), str(target), *argv]) == 0
    written = {path.name for path in target.iterdir()}
    assert written == {*splits, 'classes.txt'} if not options else written >= set(splits)
    assert [path.name for path in target.parent.iterdir()] == ['metadata']
    for split, own_name in splits.items():
        weak = split == 'train'
        old = reader(own_name, data_root=str(source), with_boxes=not weak, **options)
        new = SplitFolder(
            split,
            data_root=str(target),
            data_prefix=dict(img_path=old.data_prefix['img_path']),
            classes=num_classes,
            with_boxes=not weak,
        )
        assert (target / split / 'localization.txt').exists() == (not weak)
        assert len(new) == len(old) > 0
        for i in range(len(old)):
            one, other = old.get_data_info(i), new.get_data_info(i)
            for key in ('image_id', 'gt_label', 'img_path'):
                assert one[key] == other[key]
            height, width = cv2.imread(one['img_path']).shape[:2]
            assert (other['width'], other['height']) == (width, height)
            if not weak:
                np.testing.assert_array_equal(one['gt_bboxes'], other['gt_bboxes'])
    output, progress = capsys.readouterr()
    assert f'img_path={old.data_prefix["img_path"]!r}' in output
    assert f'test: sizes of pictures: {len(old)}/{len(old)}, ' in progress
    assert 'clipped' not in output
    said, *entries = output.splitlines()
    assert said == f'{target}: {", ".join(splits)}. In a config:'
    for split, entry in zip(splits, entries, strict=True):
        weak = ' with_boxes=False,' if split == 'train' else ''
        folder = str(target / split)
        assert entry.startswith(f"dataset=dict(type='SplitFolder', split_dir={folder!r}")
        assert entry.endswith(f'), classes={num_classes},{weak} ...)')
    assert 'mask_path' not in output


def test_masks_of_cub(converter, tmp_path, capsys):
    source, target = write_cub(tmp_path), tmp_path / 'metadata'
    # One of them in 16 bits, which is read as such.
    file = source / 'segmentations/001.Bird_1/Bird_2.png'
    cv2.imwrite(str(file), cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).astype(np.uint16) * 257)
    # Masks stand in the place of boxes. Labels of train are weak: its masks are not asked for.
    (source / 'bounding_boxes.txt').unlink()
    for picture in ('001.Bird_1/Bird_0.png', '002.Bird_2/Bird_1.png'):
        (source / 'segmentations' / picture).unlink()
    options = ['--masks', '--splits', 'test', 'train']
    assert status_of(converter.main, ['cub', str(source), str(target), *options]) == 0
    assert not (target / 'train' / 'localization.txt').exists()
    output, progress = capsys.readouterr()
    assert 'test: masks: 2/2, ' in progress
    assert f'{target}: train, test. In a config:' in output
    # What it prints for each split reads it.
    lines = [line for line in output.splitlines() if line.startswith('dataset=')]
    for line, masks in zip(lines, (False, True), strict=True):
        entry = eval(line.replace(', ...)', ')').removeprefix('dataset='))
        assert ('mask_path' in entry['data_prefix']) == masks
        assert ('mask_paths' in DATASETS.build(entry).get_data_info(0)) == masks
    dataset = SplitFolder(
        'test',
        data_root=str(target),
        data_prefix=dict(img_path=str(source / 'images'), mask_path=str(target)),
        classes='classes.txt',
    )
    assert dataset.metainfo['classes'] == ('Bird_1', 'Bird_2')
    for i in range(2):
        (path,) = dataset.get_data_info(i)['mask_paths']
        mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        expected = np.zeros((40, 60), np.uint8)
        expected[5:20, 10:30] = 255
        np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize('split', ['train', 'val'])
def test_only_what_was_written_is_printed(converter, tmp_path, capsys, split):
    source, target = write_aircraft(tmp_path), tmp_path / 'metadata'
    assert (
        status_of(converter.main, ['fgvc_aircraft', str(source), str(target), '--splits', split])
        == 0
    )
    said, line = capsys.readouterr().out.splitlines()
    assert said == f'{target}: {split}. In a config:'
    dataset = DATASETS.build(eval(line.replace(', ...)', ')').removeprefix('dataset=')))
    assert ('gt_bboxes' in dataset.get_data_info(0)) == (split != 'train')


def test_boxes_one_pixel_beyond_are_clipped(converter, tmp_path, capsys):
    source, target = write_cub(tmp_path), tmp_path / 'metadata'
    boxes = ['1 1 2 3 4', '2 1 2 3 4', '3 0.5 2.12345 3 4', '4 1 1 60 40']
    write_lines(source / 'bounding_boxes.txt', boxes)
    assert status_of(converter.main, ['cub', str(source), str(target), '--splits', 'test']) == 0
    assert not (target / 'train').exists()
    said = (
        'test: boxes of 1 pictures clipped to the picture (002.Bird_2/Bird_3.jpg ...), by 1 pixels '
        'at most\n'
    )
    assert said in capsys.readouterr().out
    lines = (target / 'test/localization.txt').read_text().splitlines()
    assert [line.partition(',')[2] for line in lines] == ['0.5,2.12345,3.5,6.12345', '1,1,60,40']


def _box_of_a_dog(root: Path, box: tuple[int, ...]) -> None:
    file = root / 'Annotation/n02085621-Breed_1/n02085621_20'
    file.write_text(voc_xml('a', 48, 36, [('Breed_1', (1, 2, 40, 30)), ('Breed_1', box)]))


@pytest.mark.parametrize(
    ('box', 'written', 'pixels'),
    [((1, 2, 60, 30), '1,2,48,30', 12), ((-3, 2, 48, 38), '0,2,48,36', 3)],
)
def test_boxes_far_beyond_are_clipped(converter, tmp_path, capsys, box, written, pixels):
    source, target = write_dogs(tmp_path), tmp_path / 'metadata'
    _box_of_a_dog(source, box)
    assert status_of(converter.main, ['stanford_dogs', str(source), str(target)]) == 0
    name = 'n02085621-Breed_1/n02085621_20.jpg'
    assert (
        f'test: boxes of 1 pictures clipped to the picture ({name} ...), by {pixels} pixels at most'
    ) in capsys.readouterr().out
    lines = (target / 'test/localization.txt').read_text().splitlines()
    assert lines[-2:] == [f'{name},1,2,40,30', f'{name},{written}']


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        ((49, 2, 60, 30), 'test: the box 49,2,60,30 of n02085621-Breed_1/n02085621_20.jpg lies wh'),
        ((1, -9, 9, -1), 'lies wholly outside its picture of 48x36 pixels: correct it, or the s'),
        ((9, 2, 5, 30), 'n02085621_20, line 30: the box 9,2,5,30 of n02085621-Breed_1/n02085621_'),
    ],
)
def test_boxes_that_nothing_is_left_of(converter, tmp_path, capsys, box, expected):
    source, target = write_dogs(tmp_path / 'release'), tmp_path / 'new' / 'metadata'
    _box_of_a_dog(source, box)
    assert status_of(converter.main, ['stanford_dogs', str(source), str(target)]) == 2
    assert expected in capsys.readouterr().err
    assert not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ('damage', 'argv', 'expected'),
    [
        (None, ['--masks'], '--masks: stanford_cars has no masks'),
        (None, ['--classes', '2'], '--classes is for subsets of ilsvrc: stanford_cars names its'),
        (None, ['--splits', 'val'], '--splits val: stanford_cars has train, test'),
        ('cars_train/00001.jpg', [], 'is listed, but there is no picture'),
        ('devkit/cars_meta.mat', [], 'there is no such file'),
    ],
)
def test_nothing_is_left_after_an_error(converter, tmp_path, damage, argv, expected, capsys):
    source, target = write_cars(tmp_path / 'release'), tmp_path / 'new' / 'metadata'
    if damage:
        (source / damage).unlink()
    assert status_of(converter.main, ['stanford_cars', str(source), str(target), *argv]) == 2
    assert expected in capsys.readouterr().err
    assert not target.parent.exists() or not list(target.parent.iterdir())


@pytest.mark.parametrize(
    ('change', 'argv', 'expected'),
    [
        (
            lambda *lists: [None if own is None else own[:1] for own in lists],
            [],
            '1 pictures read back of 2',
        ),
        (lambda ids, labels, *rest: (ids, [1, 1], *rest), [], 'is another one when read back'),
        (
            lambda ids, labels, sizes, boxes, masks: (ids, labels, sizes, boxes and boxes[::-1]),
            [],
            'is another one when read back',
        ),
        (
            lambda ids, labels, sizes, boxes, masks: (
                *(ids, labels, sizes, boxes),
                masks and [own * 2 for own in masks],
            ),
            ['--masks'],
            'is another one when read back',
        ),
    ],
)
def test_what_was_written_is_compared(
    converter, tmp_path, monkeypatch, capsys, change, argv, expected
):
    """As if the writer had a mistake; it writes beside the target."""
    source, target = write_cub(tmp_path), tmp_path / 'new' / 'metadata'

    def write(folder, *lists):
        assert Path(folder).parents[1] == target.parent
        write_split(folder, *change(*lists))

    monkeypatch.setattr(converter, 'write_split', write)
    assert (
        status_of(converter.main, ['cub', str(source), str(target), '--splits', 'test', *argv]) == 2
    )
    assert expected in capsys.readouterr().err
    assert not list(target.parent.iterdir())


def test_classes_of_one_name_are_not_listed(converter, tmp_path, capsys):
    source, target = write_cub(tmp_path), tmp_path / 'metadata'
    for folder in ('images', 'segmentations'):
        (source / folder / '002.Bird_2').rename(source / folder / '002.Bird_1')
    for file in ('images.txt', 'classes.txt'):
        text = (source / file).read_text()
        (source / file).write_text(text.replace('002.Bird_2', '002.Bird_1'))
    assert status_of(converter.main, ['cub', str(source), str(target)]) == 0
    assert {path.name for path in target.iterdir()} == {'train', 'test'}
    assert 'classes=2, ...)' in capsys.readouterr().out


def test_others_may_read_what_they_may_elsewhere(converter, tmp_path, monkeypatch):
    source, target = write_cub(tmp_path), tmp_path / 'metadata'
    monkeypatch.setattr('bas_mm.utils.result_files._UMASK', 0o027)
    before = os.umask(0o027)
    try:
        assert status_of(converter.main, ['cub', str(source), str(target)]) == 0
    finally:
        after = os.umask(before)
    assert after == 0o027
    assert target.stat().st_mode & 0o777 == 0o750


def test_targets_that_cannot_be_written(converter, tmp_path, capsys):
    source = write_cub(tmp_path)
    (tmp_path / 'link').symlink_to('nowhere')
    (tmp_path / 'file').touch()
    for target, expected in (('link', 'link is there already'), ('file/a', 'File exists')):
        assert status_of(converter.main, ['cub', str(source), str(tmp_path / target)]) == 2
        assert expected in capsys.readouterr().err


def test_picture_that_is_none(converter, tmp_path, capsys):
    source = write_cars(tmp_path)
    (source / 'cars_train/00002.jpg').write_text('none')
    assert status_of(converter.main, ['stanford_cars', str(source), str(tmp_path / 'm')]) == 2
    error = capsys.readouterr().err
    assert f'unreadable picture {source / "cars_train/00002.jpg"}' in error
    assert not (tmp_path / 'm').exists()


def test_target_is_not_overwritten(script, tmp_path):
    source, target = write_cars(tmp_path), tmp_path / 'metadata'
    target.mkdir()
    (target / 'mine.txt').write_text('keep')
    command = [sys.executable, str(script), 'stanford_cars', str(source), str(target)]
    done = forked_python.run(
        command,
        capture_output=True,
        text=True,
        env={'PYTHONPATH': str(script.parents[2]), 'PATH': ''},
        check=False,
    )
    assert done.returncode == 2
    assert 'is there already' in done.stderr
    assert (target / 'mine.txt').read_text() == 'keep'


def test_sizes_from_a_pool_of_processes(tmp_path, monkeypatch):
    root = write_aircraft(tmp_path)
    monkeypatch.setattr('bas_mm.datasets.split_writer._FEW', 1)
    dataset = FGVCAircraft('trainval', str(root), with_boxes=False)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    infos[1].update(width=7, height=8)
    seen = []
    sizes = read_picture_sizes(infos, workers=2, progress=lambda: seen.append(1))
    np.testing.assert_array_equal(sizes, [[64, 60], [7, 8], [64, 60], [64, 60]])
    assert len(seen) == 4


def test_split_with_masks_and_ids_that_lists_cannot_hold(tmp_path):
    sizes = np.array([[5, 6], [7, 8]])
    folder = str(tmp_path / 'a')
    write_split(folder, ['a', 'b'], [0, 1], sizes, None, [('m', 'n'), ('o',)])
    assert (tmp_path / 'a/localization.txt').read_text() == 'a,m,\na,n,\nb,o,\n'
    for bad in ('a,b', ' a', 'a\nb'):
        with pytest.raises(ValueError, match='has a comma, a line break or white space'):
            write_split(folder, [bad, 'b'], [0, 1], sizes)
    with pytest.raises(ValueError, match='boxes or masks'):
        write_split(folder, ['a'], [0], sizes, [np.zeros((1, 4))], [('m',)])


def test_clip_boxes():
    boxes = [np.array([[0.0, 1, 5, 6.5]]), np.array([[1.0, 2, 3, 4], [-1, 0, 2, 2]])]
    clipped, changed = clip_boxes(boxes, np.array([[5, 6], [7, 8]]))
    np.testing.assert_array_equal(clipped[0], [[0, 1, 5, 6]])
    np.testing.assert_array_equal(clipped[1], [[1, 2, 3, 4], [0, 0, 2, 2]])
    np.testing.assert_array_equal(changed, [0, 1])
