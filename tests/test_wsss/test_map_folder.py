"""Maps of other methods: the three forms give the same, and what is missing is named."""

import os

import cv2
import numpy as np
import pytest
from seed_samples import some_seeds

from bas_mm.wsss.functional.seeds import fuse_maps
from bas_mm.wsss.map_folder import MapFolder, fuse_with_maps
from bas_mm.wsss.seed_file import SeedFile, SeedFileError

NAMES = ('cat', 'dog', '0')  # a name that looks like an index
SIZE = (21, 30)


def _read(folder, classes=(0, 1), size=SIZE):
    return MapFolder(folder, NAMES).read('a', classes, size)


def test_seed_files_of_more_classes(tmp_path):
    seeds = some_seeds(classes=(0, 1, 2), size=SIZE)
    seeds.save(tmp_path / 'a.npz')
    strided, high_res = _read(tmp_path, (0, 2))
    np.testing.assert_array_equal(strided, seeds.strided[[0, 2]])
    np.testing.assert_array_equal(high_res, seeds.high_res[[0, 2]])


@pytest.mark.parametrize('keys', [('cat', 'dog'), ('cat', '1'), ('dog', 'cat', 'bird')])
@pytest.mark.parametrize('form', ['npz', 'npy'])
@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.uint8])
def test_one_array_per_class(tmp_path, keys, form, dtype):
    rng = np.random.default_rng(0)
    arrays = {key: (100 * rng.random((7, 9))).astype(dtype) for key in keys}
    if form == 'npz':
        np.savez_compressed(tmp_path / 'a.npz', **arrays)
    else:
        (tmp_path / 'a').mkdir()
        for key, array in arrays.items():
            np.save(tmp_path / 'a' / f'{key}.npy', array)
    strided, high_res = _read(tmp_path)
    for row, key in enumerate(('cat', keys[1] if keys[1] != 'cat' else 'dog')):
        for maps, (height, width) in ((strided, (6, 8)), (high_res, SIZE)):
            wanted = cv2.resize(arrays[key].astype(np.float64), (width, height))
            assert maps.dtype == np.float32
            wanted /= wanted.max() + 1e-5
            np.testing.assert_allclose(maps[row], wanted, rtol=0, atol=2e-6)


def test_names_go_before_indices(tmp_path):
    one, two = np.eye(6, 8, dtype=np.float32), np.eye(6, 8, k=2, dtype=np.float32)
    np.savez(tmp_path / 'a.npz', **{'0': one, '2': two})
    assert _read(tmp_path, (2,))[0][0, 0, 0] > 0.9
    np.savez(tmp_path / 'a.npz', **{'0': one, 'cat': two})
    assert _read(tmp_path, (0,))[0][0, 0, 0] == 0
    # An entry with a class's name is not taken for another class's index.
    np.savez(tmp_path / 'a.npz', **{'0': one})
    with pytest.raises(SeedFileError, match=r'has no map of the class cat \(index 0\)'):
        _read(tmp_path, (0,))


@pytest.mark.parametrize('form', ['npz', 'npy'])
def test_names_of_several_words(tmp_path, form):
    maps = np.eye(6, 8, dtype=np.float32), np.eye(6, 8, k=2, dtype=np.float32)
    # Of two classes with one word the one that is called so has it.
    for names, keys in (
        (('sky blue', 'red'), ('sky_blue', 'red')),
        (('sky blue', 'red'), ('sky blue', 'red')),
        (('sky blue', 'sky_blue'), ('sky blue', 'sky_blue')),
        (('sky blue', 'sky_blue'), ('0', 'sky_blue')),
    ):
        folder = tmp_path / f'{names}{keys}'
        (folder / 'a').mkdir(parents=True)
        if form == 'npz':
            np.savez(folder / 'a.npz', **dict(zip(keys, maps)))
        else:
            for key, array in zip(keys, maps):
                np.save(folder / 'a' / f'{key}.npy', array)
        other = MapFolder(folder, names)
        strided, _ = other.read('a', (0, 1), SIZE)
        assert (strided[:, 0, 0] > 0.9).tolist() == [True, False]
        assert (strided[:, 0, 2] > 0.9).tolist() == [False, True]
        written = {os.stat(file).st_mtime_ns for file in folder.rglob('*.np?')}
        assert other.changed('a', (0, 1)) == max(written)


def test_maps_of_the_right_size_are_not_resized(tmp_path):
    maps = np.random.default_rng(0).random(SIZE).astype(np.float32)
    np.savez(tmp_path / 'a.npz', cat=maps)
    wanted = maps / (maps.max() + np.float32(1e-5))
    np.testing.assert_array_equal(_read(tmp_path, (0,))[1][0], wanted)


def test_seed_files_are_normalised_once(tmp_path):
    # A method that hardly sees the class: of raw maps of 1e-5 at most a half is left.
    seeds = some_seeds(classes=(0, 1), size=SIZE)
    faint = SeedFile(seeds.classes, seeds.strided * 1e-3, seeds.high_res * 1e-3)
    faint.save(tmp_path / 'a.npz')
    for found, maps in zip(_read(tmp_path), (faint.strided, faint.high_res)):
        np.testing.assert_array_equal(found, maps)
    # At another size they are maps like others.
    for found in _read(tmp_path, size=(33, 35)):
        assert found.max() > 0.9


@pytest.mark.parametrize('name', ['strided', 'high_res'])
def test_seed_files_that_are_not_normalised(tmp_path, name):
    seeds = some_seeds(classes=(0, 1), size=SIZE)
    maps = getattr(seeds, name)
    setattr(seeds, name, maps * np.float32(1.0004 / maps.max()))  # as types of 16 bits round
    seeds.save(tmp_path / 'a.npz')
    _read(tmp_path)
    setattr(seeds, name, maps * np.float32(1000 / maps.max()))
    seeds.save(tmp_path / 'a.npz')
    for size in (SIZE, (33, 35)):
        with pytest.raises(SeedFileError, match=rf'a\.npz: {name} reaches 1000, but maps of seeds'):
            _read(tmp_path, size=size)


def test_seeds_are_fused_with_the_maps_of_their_picture_and_classes(tmp_path):
    seeds, other = some_seeds(0, (0, 2), SIZE), some_seeds(1, (0, 1, 2), SIZE)
    other.save(tmp_path / 'a.npz')
    maps = MapFolder(tmp_path, NAMES)
    fused = fuse_with_maps(seeds, maps, 'a')
    np.testing.assert_array_equal(fused.classes, seeds.classes)
    for name in ('strided', 'high_res'):
        wanted = fuse_maps(getattr(seeds, name), getattr(other, name)[[0, 2]])
        np.testing.assert_array_equal(getattr(fused, name), wanted)
        assert not np.array_equal(getattr(fused, name), getattr(seeds, name))
    with pytest.raises(SeedFileError, match='no maps of b'):
        fuse_with_maps(seeds, maps, 'b')


def test_what_is_missing_or_wrong_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        MapFolder(tmp_path / 'nowhere', NAMES)
    with pytest.raises(SeedFileError, match='no maps of a: neither .*a.npz nor'):
        _read(tmp_path)
    (tmp_path / 'a').mkdir()
    np.save(tmp_path / 'a' / 'cat.npy', np.ones((2, 2)))
    with pytest.raises(SeedFileError, match=r'has no map of the class dog \(index 1\)'):
        _read(tmp_path)
    (tmp_path / 'a' / 'dog.npy').write_bytes(b'\x93NUMPY')
    with pytest.raises(SeedFileError, match=r'dog.npy cannot be read'):
        _read(tmp_path)
    np.save(tmp_path / 'a' / 'dog.npy', np.array([None, 'x'], dtype=object))
    with pytest.raises(SeedFileError, match=r'dog.npy cannot be read'):
        _read(tmp_path)
    for bad, message in (
        (np.ones((1, 2, 2)), r'a map is \(h, w\)'),
        (-np.ones((2, 2)), 'negative or not finite'),
        (np.full((2, 2), np.inf), 'negative or not finite'),
        (np.array([['a']]), r'a map is \(h, w\)'),
    ):
        np.save(tmp_path / 'a' / 'dog.npy', bad)
        with pytest.raises(SeedFileError, match=rf'dog.npy: .*{message}'):
            _read(tmp_path)
    some_seeds(classes=(0,), size=SIZE).save(tmp_path / 'a.npz')
    with pytest.raises(SeedFileError, match='a.npz has no map of the class dog'):
        _read(tmp_path)
    (tmp_path / 'a.npz').write_bytes(b'PK')
    with pytest.raises(SeedFileError, match='a.npz is no seed file'):
        _read(tmp_path)
