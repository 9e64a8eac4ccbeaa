"""Pictures in class folders, and a table of boxes, become split folders."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path
from types import ModuleType
from unicodedata import normalize

import numpy as np
import pytest
from modules import load_module, status_of
from PIL import Image
from releases import write_picture

from bas_mm.datasets import SplitFolder, UnreadableImageError
from bas_mm.datasets.split_writer import write_split
from bas_mm.datasets.transforms import LoadLocImage
from bas_mm.datasets.whole_picture import look_at_picture
from bas_mm.registry import DATASETS

SPLITS = ('train', 'val', 'test')


@pytest.fixture(scope='module')
def tool(repo_dir: Path) -> ModuleType:
    return load_module(repo_dir / 'tools/dataset_converters/folders_to_split.py')


@pytest.fixture
def run(tool, tmp_path, monkeypatch, capsys):
    """Run it on photos/; give the status, what it printed and its lines of errors and warnings."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str) -> tuple[int, str, list[str]]:
        status = status_of(tool.main, ['photos', 'lists', *options])
        output, errors = capsys.readouterr()
        lines = [line for line in errors.splitlines() if not line.startswith('sizes of pictures')]
        if status:
            assert sorted(path.name for path in tmp_path.iterdir()) in (
                ['photos'],
                ['boxes.csv', 'photos'],
            )
        return status, output, lines

    return run


def write_photos(root: Path, count: int = 10, classes: tuple[str, ...] = ('dog', 'cat')) -> None:
    """A class has all kinds of names; one of three pictures lies a folder below."""
    for name in classes:
        for i in range(count):
            folder = 'old/2019' if i % 3 == 0 else ''
            suffix = ('.JPG', '.png')[i % 2]
            write_picture(root / 'photos' / name / folder / f'{name}_{i}{suffix}', 40, 30 + i)


def write_noted(path: Path, orientation: int) -> None:
    """A picture that notes how it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', (40, 30)).save(path, exif=exif)


def write_boxes(root: Path, *lines: str) -> list[str]:
    (root / 'boxes.csv').write_text(''.join(f'{line}\n' for line in lines))
    return ['--boxes', 'boxes.csv']


def ids_of(split: str) -> list[str]:
    return Path('lists', split, 'image_ids.txt').read_text().splitlines()


def entries(output: str) -> list[dict]:
    """What it prints for configs."""
    lines = [line for line in output.splitlines() if line.startswith('dataset=')]
    return [eval(line.replace(', ...)', ')').removeprefix('dataset=')) for line in lines]


def test_without_boxes(run, tmp_path):
    write_photos(tmp_path)
    status, output, errors = run()
    assert (status, errors) == (0, [])
    assert output.splitlines()[0] == 'lists: 2 classes (cat, dog), train 16, val 2, test 2 pictures'
    assert {path.name for path in Path('lists').iterdir()} == {*SPLITS, 'classes.txt'}
    assert Path('lists/classes.txt').read_text() == 'cat\ndog\n'
    every = []
    for split, entry in zip(SPLITS, entries(output), strict=True):
        dataset = DATASETS.build(entry)
        assert not Path('lists', split, 'localization.txt').exists()
        for i in range(len(dataset)):
            info = dataset.get_data_info(i)
            name = info['image_id'].partition('/')[0]
            assert dataset.metainfo['classes'][info['gt_label']] == name
            with Image.open(info['img_path']) as picture:
                assert picture.size == (info['width'], info['height'])
            every.append(info['image_id'])
        share = {'train': 8, 'val': 1, 'test': 1}[split]
        assert [image_id[:3] for image_id in ids_of(split)] == ['cat'] * share + ['dog'] * share
    photos = Path('photos')
    assert sorted(every) == sorted(
        path.relative_to(photos).as_posix() for path in photos.rglob('*.*')
    )


def test_the_seed_draws(run, tmp_path):
    write_photos(tmp_path, 20)
    found = {}
    for key, seed in (('once', '0'), ('again', '0'), ('other', '1')):
        assert run('--seed', seed, '--val', '0.3', '--test', '0.25')[0] == 0
        found[key] = [ids_of(split) for split in SPLITS]
        Path('lists').rename(f'gone_{key}')
    assert found['once'] == found['again'] != found['other']
    assert [len(ids) for ids in found['other']] == [18, 12, 10]
    # Later pictures do not draw the others anew.
    write_picture(tmp_path / 'photos/cat/new.jpg', 30, 30)
    run('--val', '0.3', '--test', '0.25')
    for split, before in zip(SPLITS, found['once'], strict=True):
        assert len(set(ids_of(split)).symmetric_difference(before)) < 4


def test_a_split_of_no_share_is_left_out(run, tmp_path):
    write_photos(tmp_path, 2)
    status, output, _ = run('--test', '0')
    assert status == 0
    assert {path.name for path in Path('lists').iterdir()} == {'train', 'val', 'classes.txt'}
    assert len(entries(output)) == 2


def test_boxes(run, tmp_path):
    """Names alone and paths, several boxes, a head, a byte order mark, ends of lines of Windows."""
    write_photos(tmp_path)
    lines = [
        'Path,xMin,ymin,xmax,ymax',
        'cat\\cat_1.png,1,2,3,4',
        'dog_9.png,0,0,40,39',
        '',
        'cat_2.JPG,1.5,2,3,4',
        '"./dog/old/2019/dog_3.png", 1,2,3,4',
        'dog_9.png,5,6,7,8',
        'dog/dog_8.JPG,1,2,3,4',
    ]
    (tmp_path / 'boxes.csv').write_bytes('\r\n'.join(lines).encode('utf-8-sig'))
    status, output, errors = run('--boxes', 'boxes.csv')
    assert status == 0
    (warning,) = errors
    assert 'train: 1 of its pictures have boxes, which training does not read' in warning
    expected = {
        'cat/cat_1.png': [[1, 2, 3, 4]],
        'cat/cat_2.JPG': [[1.5, 2, 3, 4]],
        'dog/old/2019/dog_9.png': [[0, 0, 40, 39], [5, 6, 7, 8]],
        'dog/old/2019/dog_3.png': [[1, 2, 3, 4]],
        'dog/dog_8.JPG': [[1, 2, 3, 4]],
    }
    train, *others = (DATASETS.build(entry) for entry in entries(output))
    assert len(train) == 16
    assert 'gt_bboxes' not in train.get_data_info(0)
    for dataset in others:
        assert len(dataset) == 2
        for i in range(2):
            info = dataset.get_data_info(i)
            np.testing.assert_array_equal(info['gt_bboxes'], expected[info['image_id']])


def test_too_few_boxes_are_shared_out(run, tmp_path):
    write_photos(tmp_path, 10, ('a', 'b', 'c'))
    boxes = write_boxes(tmp_path, 'b_1.png,1,2,3,4', *(f'a_{i}.JPG,1,2,3,4' for i in (0, 2, 4)))
    status, output, errors = run(*boxes, '--val', '0.2', '--test', '0.2')
    assert status == 0
    assert [[name[0] for name in ids_of(split)] for split in ('val', 'test')] == [
        ['a', 'a', 'b'],
        ['a'],
    ]
    assert [line.partition('warning: ')[2] for line in errors] == [
        'val: classes without a box for it: 1 (c)',
        'test: classes without a box for it: 2 (b, c)',
    ]


def test_what_is_left_out_is_named(run, tmp_path):
    write_photos(tmp_path, 4)
    photos = tmp_path / 'photos'
    (photos / 'empty/below').mkdir(parents=True)
    (photos / '.hidden').mkdir()
    (photos / 'cat/.hidden').mkdir()
    for name in ('cat/b.txt', 'cat/old/a.heic', 'dog/c', 'dog/d.gif', 'x.PNG', 'y.csv'):
        (photos / name).touch()
    for name in ('.hidden/a.png', 'cat/._a.png', 'cat/.hidden/a.png'):
        (photos / name).touch()
    status, output, errors = run()
    assert status == 0
    assert '2 classes (cat, dog), train 4, val 2, test 2 pictures' in output
    assert [line.partition('warning: ')[2] for line in errors] == [
        'folders without a picture, left out: 1 (empty)',
        'files with none of the endings .jpg, .jpeg, .png, .bmp, .webp, .ppm, .tif, .tiff, left '
        'out: 4 (cat/b.txt, cat/old/a.heic, dog/c, ...)',
        'pictures that lie in no class folder, left out: 1 (x.PNG)',
    ]


def test_links_are_followed_once(run, tmp_path):
    write_photos(tmp_path, 3, ('cat',))
    write_photos(tmp_path / 'elsewhere', 3, ('dog', 'lion'))
    photos = tmp_path / 'photos'
    (photos / 'dog').symlink_to(tmp_path / 'elsewhere/photos/dog')
    (photos / 'cat/more').symlink_to(tmp_path / 'elsewhere/photos/lion')
    (photos / 'cat/again').symlink_to('.')
    (photos / 'dog/other').symlink_to(photos / 'dog')
    _, output, _ = run()
    assert 'train 5, val 2, test 2 pictures' in output


def test_a_folder_that_cannot_be_read(run, tmp_path, monkeypatch):
    write_photos(tmp_path, 4)
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == 'old':
            raise PermissionError(errno.EACCES, 'Permission denied', path)
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr('os.scandir', refuse)
        status, _, errors = run()
    assert status == 2
    assert 'photos/cat/old' in errors[-1]


@pytest.mark.parametrize(
    ('lines', 'expected'),
    [
        (['path,x1,y1,x2,y2'], 'boxes.csv: no box is listed. Write lines path,x1,y1,x2,y2'),
        (['path,x,y,w,h'], 'boxes.csv, line 1: the box x,y,w,h of path is not made of numbers'),
        (['a_1.png;1;2;3;4'], "line 1: 1 fields where path,x1,y1,x2,y2 was expected: 'a_1.png;"),
        (['a_1.png,1,2,3,4,a'], 'line 1: 6 fields where path,x1,y1,x2,y2 was expected'),
        (['a_1.png,1,2,3,4', 'a_1.png,1,2,3,1_0'], 'line 2: the box 1,2,3,1_0 of a_1.png is not'),
        (['b_1.png,1,2,3,4', 'c.png,1,2,3,4'], 'line 1: b_1.png is no picture in a class folder'),
        (['b_1.png,1,2,3,4', 'c.png,1,2,3,4'], '(1 more line like this). Write the path below '),
        (
            ['same.png,1,2,3,4'],
            'line 1: same.png is the name of 2 pictures, a/same.png and a/x/sam',
        ),
        (
            ['', 'a_1.png,1,2,41,4'],
            'line 2: the box 1,2,41,4 of a/a_1.png lies outside its picture',
        ),
        (['a_1.png,3,2,1,4'], 'boxes.csv, line 1: the box 3,2,1,4 of a/a_1.png has x1 < x0'),
        (['a_1.png,nan,2,1,4'], 'line 1: the box nan,2,1,4 of a/a_1.png is not made of finite'),
        (['a_1.png,1,2,3,4'], 'boxes.csv: no picture with a box is left for test. Draw boxes in'),
    ],
)
def test_mistakes_in_boxes(run, tmp_path, lines, expected):
    write_photos(tmp_path, 8, ('a',))
    for name in ('same.png', 'x/same.png'):
        write_picture(tmp_path / 'photos/a' / name, 20, 20)
    options = [] if 'is left for test' in expected else ['--test', '0']
    status, _, errors = run(*write_boxes(tmp_path, *lines), *options)
    assert status == 2
    assert len(errors) == 1
    assert expected in errors[0]


@pytest.mark.parametrize('path', ['d.gif', 'a/d.gif'])
def test_a_box_of_a_file_of_another_format(run, tmp_path, path):
    write_photos(tmp_path, 4, ('a',))
    (tmp_path / 'photos/a/d.gif').touch()
    status, _, errors = run(
        *write_boxes(tmp_path, f'{path},1,2,3,4', 'b_1.png,1,2,3,4', 'd.gif,5,6,7,8')
    )
    assert status == 2
    endings = '.jpg, .jpeg, .png, .bmp, .webp, .ppm, .tif, .tiff'
    assert f'files with none of the endings {endings}, left out: 1 (a/d.gif)' in errors[0]
    assert errors[1].endswith(
        f'boxes.csv, line 1: {path} has none of the endings of pictures ({endings}) '
        '(1 more line like this). Convert the file to one of these formats, or take the line out'
    )


@pytest.mark.parametrize('forms', [('NFD', 'NFC'), ('NFC', 'NFD')])
def test_accents_are_stored_in_one_way_or_another(run, tmp_path, forms):
    on_disk, in_table = (
        [normalize(form, name) for name in ('été', 'Café_1.png', 'ä.png')] for form in forms
    )
    folder, name, both = on_disk
    for i in range(4):
        write_picture(tmp_path / 'photos' / folder / f'{i}.png', 40, 30)
    write_picture(tmp_path / 'photos' / folder / name, 40, 30)
    for form in forms:  # One file on systems that do not tell them apart.
        write_picture(tmp_path / 'photos' / folder / normalize(form, both), 40, 30)
    folder_too, name_too, both_too = in_table
    boxes = write_boxes(
        tmp_path,
        f'{name_too},1,2,3,4',
        f'{folder_too}/0.png,1,2,3,5',
        f'{folder}/{both_too},1,2,3,6',
    )
    assert run(*boxes, '--val', '0.4', '--test', '0')[0] == 0
    listed = Path('lists/val/localization.txt').read_text().splitlines()
    expected = [f'{folder}/{name},1,2,3,4', f'{folder}/0.png,1,2,3,5']
    assert sorted(listed) == sorted([*expected, f'{folder}/{both_too},1,2,3,6'])
    shutil.rmtree('lists')
    # Of a name that two have, none is guessed.
    write_picture(tmp_path / 'photos' / folder / 'x' / name, 40, 30)
    status, _, errors = run(*boxes)
    assert status == 2
    assert f'line 1: {name_too} is the name of 2 pictures, {folder}/{name} and' in errors[-1]


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        (['--val', '10'], '--val 10: a share from 0 to below 1 was expected'),
        (['--test', 'nan'], '--test nan: a share from 0 to below 1 was expected'),
        (['--val', '0.5', '--test', '0.5'], '--val 0.5 and --test 0.5 leave no picture to train'),
        (['--boxes', 'none.csv'], 'none.csv: there is no such file'),
        ([], 'photos/few: of 2 pictures val takes 1 and test 1, and none is left to train on'),
    ],
)
def test_mistakes_of_the_command(run, tmp_path, options, expected):
    write_photos(tmp_path, 4)
    write_photos(tmp_path, 2, ('few',))
    status, _, errors = run(*options)
    assert status == 2
    assert expected in errors[-1]


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('photos/x.png', 'photos: no folder in it has a picture (.jpg, .jpeg, .png'),
        ('photos/a,b/x.png', "photos: the id 'a,b' has a comma, a line break or white space"),
        ('photos/a /x.png', "photos: the id 'a ' has a comma, a line break or white space"),
        ('photos/a/x\udcff.png', "photos: the id 'a/x\\udcff.png' is no UTF-8. Rename it on disk"),
    ],
)
def test_mistakes_in_folders(run, tmp_path, name, expected):
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()
    status, _, errors = run()
    assert status == 2
    assert expected in errors[-1]


def test_names_that_lists_cannot_have_are_counted(run, tmp_path):
    write_photos(tmp_path, 4)
    names = ('a\udcff.png', 'b,c.png', 'b,d.png', 'e .png', 'f,g.png ', 'h,i.png', 'h\udcff.png')
    for name in names:
        (tmp_path / 'photos/cat' / name).touch()

    def said() -> str:
        status, _, errors = run()
        assert status == 2
        return errors[-1].partition('photos: ')[2]

    problem = 'has a comma, a line break or white space at an end'
    assert said() == f"the id 'cat/b,c.png' {problem} (2 more ids like this). Rename it on disk"
    for path in (tmp_path / 'photos/cat').glob('*,*'):
        path.unlink()
    assert said() == (
        r"the id 'cat/a\udcff.png' is no UTF-8 (1 more id like this). Rename it on disk"
    )
    # All pictures of a folder have its name.
    write_photos(tmp_path, 3, ('a,b',))
    assert said() == f"the id 'a,b' {problem}. Rename it on disk"


def test_a_broken_picture_is_an_error(run, tmp_path):
    write_photos(tmp_path, 4)
    (tmp_path / 'photos/cat/cat_1.png').write_text('none')
    status, _, errors = run()
    assert status == 2
    reason = 'UnidentifiedImageError: cannot identify image file'
    assert f'unreadable picture photos/cat/cat_1.png: {reason}. Repair' in errors[-1]
    (tmp_path / 'photos/dog/dog_1.png').write_bytes(b'')
    status, _, errors = run()
    assert status == 2
    advice = 'Repair them or take them away, or leave them out by --skip-unreadable'
    empty = ', and 1 more (photos/dog/dog_1.png: the file is empty). '
    assert errors[-1].endswith(f'photos/cat/cat_1.png: {reason}{empty}{advice}')


def test_why_a_picture_cannot_be_read(run, tmp_path):
    write_photos(tmp_path, 4)
    telephone, cut = (tmp_path / 'photos/cat' / name for name in ("it's.jpg", 'z.webp'))
    telephone.write_bytes(b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(100))
    write_picture(cut, 80, 60)
    content = cut.read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    (tmp_path / 'photos/dog/a.jpg').symlink_to('nowhere')
    (tmp_path / 'photos/dog/b.jpg').write_bytes(b'\xff\xd8between\xff\xd9')
    _, _, errors = run('--skip-unreadable')
    said = 'it is a HEIC or AVIF picture, whatever its name says: convert it to JPEG'
    assert f"left out: 4 (photos/cat/it's.jpg: {said}, photos/cat/z.webp: OSError: " in errors[0]
    # Each reason as the reader of pictures says it.
    for path in (telephone, cut):
        with pytest.raises(UnreadableImageError) as caught:
            LoadLocImage().read(str(path))
        assert str(caught.value).endswith(f'{path}: {look_at_picture(str(path))[3]}')
    assert 'photos/dog/a.jpg: No such file or directory' in errors[0]
    assert look_at_picture('photos/dog/b.jpg') == (0, 0, 1, 'it is no picture')


def cut_short(root: Path) -> list[str]:
    """Cut pictures of each way to be read in half, heads left; give their paths below photos/."""
    names = ['cat/a.jpg', 'cat/b.png', 'dog/c.bmp']
    for name in names:
        path = root / 'photos' / name
        write_picture(path, 80, 60)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with Image.open(path) as picture:
            assert picture.size == (80, 60)
    return names


def test_pictures_that_were_cut_short(run, tmp_path):
    write_photos(tmp_path, 6)
    names = cut_short(tmp_path)
    status, _, errors = run()
    assert status == 2
    assert re.search(
        r'unreadable picture photos/cat/a\.jpg: OSError: image file is truncated.*, and 2 more '
        r'\(photos/cat/b\.png: OSError: .*, photos/dog/c\.bmp: OSError: .*\)\. Repair them',
        errors[-1],
    )
    status, _, errors = run('--skip-unreadable')
    assert status == 0
    assert 'unreadable pictures, left out: 3 (photos/cat/a.jpg: OSError: ' in errors[0]
    ids = [name for split in SPLITS for name in ids_of(split)]
    assert len(ids) == 12
    assert not set(names) & set(ids)


def test_whole_pictures_are_not_decoded(run, tmp_path, monkeypatch):
    write_photos(tmp_path, 6)

    def load(picture):
        raise AssertionError(f'{picture} is decoded')

    for plugin in ('JpegImagePlugin.JpegImageFile', 'PngImagePlugin.PngImageFile'):
        monkeypatch.setattr(f'PIL.{plugin}.load', load)
    assert run()[0] == 0


def test_broken_pictures_are_left_out(run, tmp_path):
    write_photos(tmp_path, 6)
    broken = ['cat/cat_1.png', 'dog/cut.jpg']
    for name in broken:
        (tmp_path / 'photos' / name).write_bytes(b'')
    boxes = [
        f'{name}_{i}.{("JPG", "png")[i % 2]},1,2,3,4' for name in ('cat', 'dog') for i in (1, 2, 3)
    ]
    status, output, errors = run(*write_boxes(tmp_path, *boxes), '--skip-unreadable')
    assert status == 0
    assert errors[0].endswith(
        'unreadable pictures, left out: 2 (photos/cat/cat_1.png: the file is empty, '
        'photos/dog/cut.jpg: the file is empty)'
    )
    ids = [name for split in SPLITS for name in ids_of(split)]
    assert len(ids) == 11
    assert not set(broken) & set(ids)
    for split in ('val', 'test'):
        assert 'cat/' in ids_of(split)[0]
        assert 'dog/' in ids_of(split)[1]


def test_rotated_pictures_without_boxes(run, tmp_path):
    write_photos(tmp_path, 4, ('a',))
    for orientation in (1, 3, 6):
        write_noted(tmp_path / f'photos/a/noted_{orientation}.jpg', orientation)
    status, _, errors = run()
    assert status == 0
    (warning,) = errors
    assert (
        '2 pictures are noted as rotated (a/noted_3.jpg, a/noted_6.jpg): training reads them as '
        "stored, `localize` turns them. Set color_type='color' in LoadLocImage" in warning
    )


def test_boxes_of_pictures_on_their_side(run, tmp_path):
    """They may be those of the pixels, or of what viewers show: the sizes are left out."""
    write_photos(tmp_path, 8, ('a',))
    for name in ('b', 'c'):
        write_noted(tmp_path / f'photos/a/{name}.jpg', 6)
    # One that fits in neither way is a mistake all the same.
    status, _, errors = run(*write_boxes(tmp_path, 'b.jpg,1,2,41,39', 'a_1.png,1,2,3,4'))
    assert status == 2
    assert 'lies outside its picture of 40x30 pixels, and of 30x40 if it is turned' in errors[-1]
    boxes = write_boxes(tmp_path, 'b.jpg,1,2,29,39', 'a_1.png,1,2,3,4')
    status, output, errors = run(*boxes)
    assert status == 0
    (split,) = (split for split in ('val', 'test') if ids_of(split) == ['a/b.jpg'])
    (warning,) = errors
    assert f'{split}: 1 pictures with boxes are noted as lying on their side (a/b.jpg)' in warning
    for other in SPLITS:
        assert Path('lists', other, 'image_sizes.txt').exists() == (other != split)
    datasets = map(DATASETS.build, entries(output))
    assert [bool(d.get_data_info(0).get('boxes_unchecked')) for d in datasets] == [
        split == other for other in SPLITS
    ]


def test_rotated_pictures_beside_boxes_that_are_sure(run, tmp_path):
    """Boxes of a picture upside down, and of one that trains, leave out no sizes."""
    write_photos(tmp_path, 8, ('a',))
    photos = tmp_path / 'photos/a'
    write_noted(photos / 'without.jpg', 6)
    write_noted(photos / 'upside_down.jpg', 3)
    write_noted(photos / 'trains.jpg', 8)
    some = 'are noted as rotated (a/'
    boxes = write_boxes(tmp_path, 'upside_down.jpg,1,2,3,4', 'a_1.png,1,2,3,4')
    status, _, errors = run(*boxes)
    assert status == 0
    (warning,) = errors
    assert f'3 pictures {some}trains.jpg, a/upside_down.jpg, a/without.jpg)' in warning
    Path('lists').rename(tmp_path / 'gone')
    lines = ['trains.jpg,1,2,3,4', *(f'a_{i}.png,1,2,3,4' for i in (1, 5, 7))]
    found = {}
    for seed in range(9):
        status, _, errors = run(*write_boxes(tmp_path, *lines), '--seed', str(seed))
        assert status == 0
        unsure = 'a/trains.jpg' not in ids_of('train')
        found[unsure] = errors
        assert any(some in text for text in errors) != unsure
        assert any('lying on their side' in text for text in errors) == unsure
        Path('lists').rename(tmp_path / f'gone_{seed}')
    assert len(found) == 2


def test_a_png_notes_its_side_behind_its_pixels(run, tmp_path, monkeypatch, tool):
    """The heads of pictures do not tell it; those with boxes are read to their end."""
    write_photos(tmp_path, 8, ('a',))
    path = tmp_path / 'photos/a/b.png'
    write_noted(path, 6)
    data = path.read_bytes()
    start = data.index(b'eXIf') - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], 'big')
    path.write_bytes(data[:start] + data[end:-12] + data[start:end] + data[-12:])
    assert run()[2] == []
    Path('lists').rename(tmp_path / 'gone')
    readers = []

    def over_files(function, paths, workers):
        readers.append((len(paths), workers))
        return used(function, paths, workers)

    used = tool.over_files
    monkeypatch.setattr(tool, 'over_files', over_files)
    boxes = write_boxes(tmp_path, 'b.png,1,2,29,39', 'a_1.png,1,2,3,4')
    (warning,) = run(*boxes, '--workers', '2')[2]
    assert '1 pictures with boxes are noted as lying on their side (a/b.png)' in warning
    assert readers == [(9, 2), (2, 2)]


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        # Without sizes, by which the reader would notice it.
        (lambda ids, labels, _, boxes: (ids[::-1], labels, None, boxes), 'val: a/'),
        (lambda ids, labels, *rest: (ids, [1 - label for label in labels], *rest), 'train: a/'),
        (lambda ids, labels, sizes, boxes: (ids, labels, sizes, boxes and boxes[::-1]), 'val: a/'),
    ],
)
def test_what_was_written_is_compared(run, tool, tmp_path, monkeypatch, change, expected):
    """As if the writer had a mistake."""
    write_photos(tmp_path, 4, ('a', 'b'))
    boxes = [f'{c}_{i}.{("JPG", "png")[i % 2]},1,2,3,{5 + i}' for c in 'ab' for i in range(4)]

    def write(folder, *lists):
        # The train list reversed is as good.
        reversed_train = Path(folder).name == 'train' and expected.startswith('val')
        write_split(folder, *(lists if reversed_train else change(*lists)))

    monkeypatch.setattr(tool, 'write_split', write)
    status, _, errors = run(*write_boxes(tmp_path, *boxes), '--val', '0.5', '--test', '0.25')
    assert status == 2
    assert errors[-1].partition('error: ')[2].startswith(expected)
    assert errors[-1].endswith('is another one when read back')


def test_target_is_not_overwritten(run, tool, tmp_path, capsys):
    write_photos(tmp_path, 4)
    (tmp_path / 'lists').mkdir()
    assert status_of(tool.main, ['photos', 'lists']) == 2
    assert 'lists is there already' in capsys.readouterr().err
    assert list((tmp_path / 'lists').iterdir()) == []


def test_it_reads_as_a_split_folder_below_a_root(run, tmp_path):
    """As docs/add_dataset.md has it: all paths below data_root."""
    write_photos(tmp_path, 4)
    run()
    dataset = SplitFolder(
        'lists/val',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='photos'),
        classes='lists/classes.txt',
        with_boxes=False,
    )
    assert dataset.metainfo['classes'] == ('cat', 'dog')
