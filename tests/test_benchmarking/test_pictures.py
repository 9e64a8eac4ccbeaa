"""Pictures for benchmarks."""

import threading

import cv2
import numpy as np

from bas_mm.benchmarking import pictures
from bas_mm.benchmarking.pictures import write_pictures


def test_pictures_of_a_seed_are_the_same(tmp_path):
    for name in ('a', 'b'):
        files = ['0.jpg', '1.jpg']
        write_pictures(tmp_path / name, files, (36, 5), np.random.default_rng(0))
    first, second = (cv2.imread(str(tmp_path / 'a' / name)) for name in files)
    assert first.shape == (36, 5, 3)
    assert first.std() > 20
    assert (first != second).any()
    for name in files:
        assert (tmp_path / 'a' / name).read_bytes() == (tmp_path / 'b' / name).read_bytes()


def test_pictures_written_at_a_time_are_those_written_in_turn(tmp_path, monkeypatch):
    """Byte for byte, and the generator goes on from the same place."""
    barrier, imwrite = threading.Barrier(2), cv2.imwrite

    def written_by_two(*arguments):
        barrier.wait(timeout=60)
        return imwrite(*arguments)

    monkeypatch.setattr(pictures, 'usable_cores', lambda: 2)
    monkeypatch.setattr(cv2, 'imwrite', written_by_two)
    names, ours, theirs = [f'{i}.jpg' for i in range(6)], *map(np.random.default_rng, (5, 5))
    write_pictures(tmp_path / 'ours', iter(names), (30, 44), ours)
    for name in names:
        expected = cv2.resize(theirs.integers(0, 256, (5, 7, 3)).astype(np.uint8), (44, 30))
        imwrite(str(tmp_path / name), expected)
        assert (tmp_path / 'ours' / name).read_bytes() == (tmp_path / name).read_bytes()
    assert ours.integers(1 << 30) == theirs.integers(1 << 30)
