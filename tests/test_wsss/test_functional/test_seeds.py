"""Merging, normalising and fusing against arithmetic in float64, pixel by pixel."""

import numpy as np
import pytest
import torch

from bas_mm.wsss.functional.seed_sizes import strided_size
from bas_mm.wsss.functional.seeds import fuse_maps, merge_scales, normalise_maps


def _weights(old: int, new: int) -> np.ndarray:
    """(new, old) float64: bilinear weights where centres of pixels lie at i + 1/2."""
    weights = np.zeros((new, old))
    for i in range(new):
        at = max((i + 0.5) * old / new - 0.5, 0.0)
        low = min(int(at), old - 1)
        high = min(low + 1, old - 1)
        weights[i, low] += 1 - (at - low)
        weights[i, high] += at - low
    return weights


def _resize(m: np.ndarray, height: int, width: int) -> np.ndarray:
    return _weights(m.shape[0], height) @ m @ _weights(m.shape[1], width).T


@pytest.mark.parametrize('size', [(37, 50), (32, 48), (5, 3)])
def test_merging_is_the_sum_of_resized_maps(size):
    height, width = size
    rng = np.random.default_rng(1)
    maps = [rng.random((2, *shape)).astype(np.float32) for shape in ((3, 4), (2, 2), (5, 6))]
    strided, high_res = merge_scales([torch.from_numpy(m) for m in maps], size)
    assert strided.shape == (2, -(-height // 4), -(-width // 4))
    assert high_res.shape == (2, height, width)
    rows, columns = -(-height // 16) * 16, -(-width // 16) * 16
    for k in range(2):
        own = [m[k].astype(np.float64) for m in maps]
        wanted = sum(_resize(m, *strided.shape[1:]) for m in own)
        np.testing.assert_allclose(strided[k], wanted, rtol=0, atol=2e-6)
        wanted = sum(_resize(m, rows, columns) for m in own)[:height, :width]
        np.testing.assert_allclose(high_res[k], wanted, rtol=0, atol=2e-6)


def test_merging_needs_a_map_and_gives_float32():
    with pytest.raises(ValueError, match='no map'):
        merge_scales([], (8, 8))
    half = torch.rand(1, 2, 2).bfloat16()
    assert {part.dtype for part in merge_scales([half], (8, 8))} == {torch.float32}


@pytest.mark.parametrize('kind', [np.asarray, torch.from_numpy])
def test_each_map_is_divided_by_its_maximum(kind):
    maps = np.array([[[2.0, 1.0]], [[0.0, 0.0]], [[1e-5, 0.0]]], dtype=np.float32)
    result = normalise_maps(kind(maps))
    assert str(result.dtype).endswith('float32')
    wanted = [[[2 / 2.00001, 1 / 2.00001]], [[0, 0]], [[0.5, 0]]]
    np.testing.assert_allclose(np.asarray(result), wanted, rtol=1e-6)
    # The epsilon is lost in rounding where a maximum is great.
    assert normalise_maps(kind(maps * 500))[0].max() == 1


def test_fusing_normalises_both_adds_and_normalises_the_sum():
    rng = np.random.default_rng(2)
    a, b = (rng.random((2, 4, 5)).astype(np.float32) * factor for factor in (1.0, 9.0))
    wanted = []
    for m, n in zip(a.astype(np.float64), b.astype(np.float64)):
        total = m / (m.max() + 1e-5) + n / (n.max() + 1e-5)
        wanted.append(total / (total.max() + 1e-5))
    a, b = normalise_maps(a), normalise_maps(b)
    np.testing.assert_allclose(fuse_maps(a, b), wanted, rtol=1e-6)
    np.testing.assert_array_equal(
        fuse_maps(torch.from_numpy(a), torch.from_numpy(b)), fuse_maps(a, b)
    )
    with pytest.raises(ValueError, match='differ in shape'):
        fuse_maps(a, b[:, :2])


def test_strided_size_rounds_up():
    assert strided_size(375, 500) == (94, 125)
    assert strided_size(4, 1) == (1, 1)
