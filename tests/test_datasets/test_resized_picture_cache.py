"""The cache of resized pictures by itself; its use is tested with LoadResizedImage."""

from __future__ import annotations

import os

import numpy as np
import pytest

from bas_mm.datasets.resized_picture_cache import ResizedPictureCache

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
