"""Pictures for benchmarks."""

import cv2
import numpy as np

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
