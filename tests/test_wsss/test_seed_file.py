"""Seed files: what numpy reads of them, and what is refused."""

import errno
import io
import time
import zipfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from seed_samples import some_seeds

from bas_mm.wsss import seed_file
from bas_mm.wsss.seed_file import SeedFile, SeedFileError, read_arrays, read_seed_classes

NAMES = ('classes', 'strided', 'high_res')
CHOSEN = seed_file.inflater


@pytest.fixture(params=['isal.isal_zlib', 'zlib'], autouse=True)
def inflater(request, monkeypatch):
    """Files are the same whatever reads them."""
    module = pytest.importorskip(request.param, reason='isal is not published for this machine')
    monkeypatch.setattr(seed_file, 'inflater', module)


def test_the_quick_inflater_is_taken_where_it_is():
    isal_zlib = pytest.importorskip('isal.isal_zlib', reason='isal is not published here')
    assert CHOSEN is isal_zlib


@pytest.fixture
def saved(tmp_path):
    seeds, path = some_seeds(), tmp_path / '2007_000032.npz'
    seeds.save(path)
    return seeds, path


def test_numpy_and_zipfile_read_what_was_saved(saved):
    seeds, path = saved
    with np.load(path, allow_pickle=False) as file:
        assert tuple(file.files) == NAMES
        for name in NAMES:
            np.testing.assert_array_equal(file[name], getattr(seeds, name))
            assert file[name].dtype == getattr(seeds, name).dtype
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}
    assert path.stat().st_size < sum(getattr(seeds, name).nbytes for name in NAMES)


def test_our_reader_and_equal_bytes(saved, tmp_path):
    seeds, path = saved
    again = SeedFile.load(path)
    classes, high_res = SeedFile.load_high_res(path)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(again, name), getattr(seeds, name))
    np.testing.assert_array_equal(classes, seeds.classes)
    np.testing.assert_array_equal(high_res, seeds.high_res)
    np.testing.assert_array_equal(read_seed_classes(path), seeds.classes)
    again.save(tmp_path / 'again.npz')
    assert (tmp_path / 'again.npz').read_bytes() == path.read_bytes()


def test_what_is_not_wanted_is_not_read(tmp_path, monkeypatch):
    seeds, path, read = some_seeds(size=(375, 500)), tmp_path / 'a.npz', []
    seeds.save(path)
    with zipfile.ZipFile(path) as archive:
        packed = archive.getinfo('strided.npy').compress_size

    class Counting(io.FileIO):
        def readinto(self, buffer) -> int:
            read.append(super().readinto(buffer))
            return read[-1]

    monkeypatch.setattr(
        seed_file, 'open', lambda p, _: io.BufferedReader(Counting(p)), raising=False
    )
    maps = SeedFile.load_of_picture(path, 'strided', seeds.classes.tolist(), (375, 500))
    np.testing.assert_array_equal(maps, seeds.strided)
    # The table of contents, classes and strided, in a few buffers.
    most = packed + 10 * io.DEFAULT_BUFFER_SIZE
    assert packed <= sum(read) < most < path.stat().st_size


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_files_that_numpy_wrote(tmp_path, save):
    seeds = some_seeds()
    arrays = {name: getattr(seeds, name) for name in NAMES}
    arrays['high_res'] = np.asfortranarray(arrays['high_res'])
    save(tmp_path / 'a.npz', **arrays)
    again = SeedFile.load(tmp_path / 'a.npz')
    for name in NAMES:
        np.testing.assert_array_equal(getattr(again, name), getattr(seeds, name))


def test_a_file_cut_anywhere_is_no_seed_file(saved):
    _, path = saved
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        assert read_seed_classes(path) is None
        with pytest.raises(SeedFileError, match='2007_000032.npz is no seed file'):
            SeedFile.load(path)


def test_a_changed_byte_is_found(saved):
    seeds, path = saved
    whole = path.read_bytes()
    for position in range(0, len(whole), 41):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        found = _load(path)
        if isinstance(found, str):
            assert '2007_000032.npz' in found
        else:  # fields that nobody needs, such as the date
            np.testing.assert_array_equal(found.high_res, seeds.high_res)
            np.testing.assert_array_equal(found.strided, seeds.strided)


@pytest.mark.parametrize(
    ('place', 'byte', 'readable'),
    [
        (6, 64, False),  # made for a later version of the format
        (8, 1, True),  # encrypted, but it is not
        (8, 1 << 5, True),
        (8, 1 << 6, True),
        (10, 14, False),  # compressed by LZMA, or by nothing that is known
        (10, 99, False),
    ],
)
def test_a_changed_table_of_contents_ends_in_no_other_error(saved, place, byte, readable):
    seeds, path = saved
    whole = bytearray(path.read_bytes())
    whole[whole.index(b'PK\1\2') + place] = byte
    path.write_bytes(whole)
    found, classes = _load(path), read_seed_classes(path)
    assert isinstance(found, SeedFile) == readable
    if readable:
        np.testing.assert_array_equal(found.high_res, seeds.high_res)
        np.testing.assert_array_equal(classes, seeds.classes)
    else:
        assert '2007_000032.npz is no seed file' in found
        assert classes is None


def _refuse(number: int) -> Callable:
    def refuse(*_: object) -> None:
        raise OSError(number, 'as a test wants it')

    return refuse


@pytest.mark.parametrize('number', [errno.EACCES, errno.EMFILE, errno.EIO])
@pytest.mark.parametrize('opens', [False, True])
def test_a_file_that_the_system_does_not_read_is_not_damaged(saved, monkeypatch, opens, number):
    """It may be whole: to delete it would be bad advice, and to make it again a loss."""
    _, path = saved

    class Refusing(io.FileIO):
        readinto = _refuse(number)

    def opened(place: Path, _: str) -> io.BufferedReader:
        return io.BufferedReader(Refusing(place))

    monkeypatch.setattr(seed_file, 'open', opened if opens else _refuse(number), raising=False)
    for read in (SeedFile.load, SeedFile.load_high_res, read_seed_classes):
        with pytest.raises(SeedFileError) as caught:
            read(path)
        assert str(caught.value) == f'{path} cannot be read: as a test wants it'


def test_damage_is_told_as_such_after_another_error(tmp_path):
    path = tmp_path / 'a.npz'
    path.write_bytes(b'no zip file')
    try:
        (tmp_path / 'none').stat()
    except FileNotFoundError:
        assert read_seed_classes(path) is None


def test_places_that_no_file_has_are_damage(saved, monkeypatch):
    _, path = saved
    for number in (errno.EINVAL, errno.EOVERFLOW):
        monkeypatch.setattr(seed_file, '_contents', _refuse(number))
        assert read_seed_classes(path) is None
        with pytest.raises(SeedFileError, match='2007_000032.npz is no seed file'):
            SeedFile.load(path)


def _load(path: Path) -> SeedFile | str:
    try:
        return SeedFile.load(path)
    except SeedFileError as error:
        return str(error)


def _seeds(**changes) -> dict:
    seeds = some_seeds()
    return {**{name: getattr(seeds, name) for name in NAMES}, **changes}


NEGATIVE = np.full((2, 21, 30), -1, dtype=np.float32)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(classes=np.array([2, 0])), 'not ascending'),
        (dict(classes=np.array([0, 0])), 'not ascending'),
        (dict(classes=np.array([-1, 0])), 'not ascending'),
        (dict(classes=np.array([0, 1], dtype=np.int32)), 'classes has .* int32'),
        (dict(classes=np.array([0, 1, 2])), 'for 3 classes'),
        (dict(classes=np.zeros(0, np.int64)), r'classes has the shape \(0,\)'),
        (dict(high_res=NEGATIVE.astype(np.float64)), 'float64'),
        (dict(high_res=NEGATIVE), 'negative or not finite'),
        (dict(high_res=NEGATIVE * np.nan), 'negative or not finite'),
        (dict(high_res=-NEGATIVE[:, :20, :20]), 'asks for'),
        (dict(high_res=-NEGATIVE[0]), r'high_res has the shape \(21, 30\)'),
        (dict(classes=np.array([{'a': 1}, None], dtype=object)), 'pickle'),
    ],
)
def test_other_contents(tmp_path, changes, message):
    path = tmp_path / 'a.npz'
    np.savez(path, allow_pickle=True, **_seeds(**changes))
    with pytest.raises(SeedFileError, match=message) as caught:
        SeedFile.load(path)
    assert str(path) in str(caught.value)
    if 'pickle' not in message:
        with pytest.raises(ValueError, match=message):
            SeedFile(**_seeds(**changes)).save(tmp_path / 'b.npz')
        assert not (tmp_path / 'b.npz').exists()


def test_missing_files_and_arrays(tmp_path):
    for place in ('x.npz', 'below/x.npz'):
        (tmp_path / 'seeds.json').write_text('{"scales": [1.0]}')
        message = (
            rf'there is no seed file .*{place}: .*make_seeds\.py CONFIG CHECKPOINT {tmp_path}$'
        )
        with pytest.raises(SeedFileError, match=message):
            SeedFile.load(tmp_path / place)
        (tmp_path / 'seeds.json').write_text('{"fuse": "cam_seeds"}')
        message = (
            rf'there is no seed file .*{place}: .*/fuse_seeds\.py SEEDS MAPS {tmp_path}, '
            r'after make_seeds\.py'
        )
        with pytest.raises(SeedFileError, match=message):
            SeedFile.load(tmp_path / place)
    for read in (SeedFile.load, read_seed_classes):
        with pytest.raises(SeedFileError, match=f'^{tmp_path} is no seed file but a folder$'):
            read(tmp_path)
    np.savez(tmp_path / 'a.npz', classes=np.array([1]))
    with pytest.raises(SeedFileError, match="no array 'strided', only classes"):
        SeedFile.load(tmp_path / 'a.npz')
    assert read_seed_classes(tmp_path / 'a.npz') is None
    assert list(read_arrays(tmp_path / 'a.npz')) == ['classes']
    assert read_seed_classes(tmp_path / 'c.npz') is None
    assert read_seed_classes(tmp_path / 'a.npz/x.npz') is None
    with pytest.raises(SeedFileError, match='there is no seed file .*a.npz/x.npz: make it with'):
        SeedFile.load(tmp_path / 'a.npz/x.npz')
    (tmp_path / 'b.npz').write_bytes(b'\x93NUMPY')
    with pytest.raises(SeedFileError, match=r'is no seed file.*/fuse_seeds\.py SEEDS MAPS'):
        SeedFile.load(tmp_path / 'b.npz')


def _write_forever(seeds: SeedFile, path: Path) -> None:
    while True:
        seeds.save(path)


def test_a_process_killed_while_it_writes_leaves_a_whole_file_or_none(tmp_path):
    seeds = some_seeds(size=(600, 800))
    for attempt in range(4):
        folder = tmp_path / str(attempt)
        path = folder / 'a.npz'
        # Forked, so that the child has its imports already.
        process = get_context('fork').Process(target=_write_forever, args=(seeds, path))
        process.start()
        try:
            # Until a temporary file is there: then the process is in a write.
            deadline = time.monotonic() + 60
            while not any(folder.glob('.bas_mm-*')) or (attempt % 2 and not path.exists()):
                assert time.monotonic() < deadline
        finally:
            process.kill()
            process.join()
        assert list(folder.glob('*.npz')) == [path][: path.exists()]
        if path.exists():
            np.testing.assert_array_equal(SeedFile.load(path).high_res, seeds.high_res)
        else:
            assert read_seed_classes(path) is None
