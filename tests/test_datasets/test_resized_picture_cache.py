"""The cache of resized pictures by itself; its use is tested with LoadResizedImage."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest

from bas_mm.datasets.resized_picture_cache import ResizedPictureCache
from bas_mm.utils.result_files import write_bytes

PICTURE = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
SETTINGS = dict(scale=(5, 4), backend='cv2')


@pytest.mark.parametrize('quality', [1, 100])
def test_greatest_and_least_quality(tmp_path, quality):
    cache = ResizedPictureCache(tmp_path, SETTINGS, quality)
    (tmp_path / 'a').touch()
    key = cache.key(tmp_path / 'a')
    kept = cache.put(key, PICTURE, (40, 50))
    found, original = cache.get(key)
    np.testing.assert_array_equal(found, kept)
    assert original == (40, 50)


@pytest.mark.parametrize('quality', [None, 90])
def test_a_bit_that_was_lost_anywhere_makes_a_miss(tmp_path, quality):
    """In the sizes of the header it would give other boxes, or an error without a file's name."""
    cache, key = ResizedPictureCache(tmp_path, SETTINGS, quality), bytes(range(16))
    kept = cache.put(key, PICTURE, (40, 50))
    whole = cache.path(key).read_bytes()
    for place in range(len(whole)):
        for bit in (0, 7):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            cache.path(key).write_bytes(damaged)
            assert cache.get(key) is None, (place, bit)
    cache.path(key).write_bytes(whole[:-1])
    assert cache.get(key) is None
    np.testing.assert_array_equal(cache.put(key, PICTURE, (40, 50)), kept)
    assert cache.path(key).read_bytes() == whole
    assert cache.get(key)[1] == (40, 50)


def test_a_file_of_the_format_before_is_made_again(tmp_path):
    """Its checksum was of the pixels alone."""
    cache, key = ResizedPictureCache(tmp_path, SETTINGS), bytes(16)
    pixels = PICTURE.tobytes()
    header = struct.pack('<8s16s4II', b'basmmpic', key, 40, 50, 4, 5, zlib.crc32(pixels))
    write_bytes(cache.path(key), header + pixels)
    assert cache.get(key) is None


def test_settings_in_another_order_are_the_same(tmp_path):
    """The transform's order is that of a set of names, which each process has its own of."""
    turned = dict(reversed(SETTINGS.items()))
    keys = {ResizedPictureCache('c', own).key(tmp_path) for own in (SETTINGS, turned)}
    assert len(keys) == 1


def test_a_file_by_its_whole_path(tmp_path, monkeypatch):
    """Of equal size and time of change, 1969 for one, as archives without times have it."""
    cache, keys = ResizedPictureCache('c', SETTINGS), []
    for name in 'ab':
        (tmp_path / name).mkdir()
        (tmp_path / name / 'x.jpg').touch()
        os.utime(tmp_path / name / 'x.jpg', ns=(0, -(10**9)))
        monkeypatch.chdir(tmp_path / name)
        keys.append(cache.key('x.jpg'))
        assert keys[-1] == cache.key(tmp_path / name / 'x.jpg')
    assert keys[0] != keys[1]


@pytest.mark.parametrize('name', ['none.jpg', 'a\0b.jpg'])
def test_what_is_no_file(tmp_path, name):
    assert ResizedPictureCache('c', SETTINGS).key(tmp_path / name) is None


def test_a_full_disk_is_tried_once(tmp_path, monkeypatch):
    tries = []

    def fail(path, content):
        tries.append(path)
        raise OSError('full')

    monkeypatch.setattr('bas_mm.datasets.resized_picture_cache.write_bytes', fail)
    cache = ResizedPictureCache(tmp_path, SETTINGS)
    for key in (bytes(16), bytes([1] * 16)):
        assert cache.put(key, PICTURE, (40, 50)) is PICTURE
    assert tries == [cache.path(bytes(16))]


@pytest.mark.parametrize(('rank', 'level'), [(0, 'WARNING'), (1, 'ERROR')])
def test_level_of_the_warning(tmp_path, monkeypatch, log_file, rank, level):
    """mmengine's loggers of other ranks than the first keep errors alone."""
    monkeypatch.setattr('bas_mm.datasets.resized_picture_cache.get_rank', lambda: rank)
    (tmp_path / 'file').touch()
    ResizedPictureCache(tmp_path / 'file', SETTINGS).put(bytes(16), PICTURE, (40, 50))
    text = log_file.read_text()
    assert f' - {level} - ' in text
    assert 'the cache of resized pictures' in text
