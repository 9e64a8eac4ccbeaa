"""Offsets, paths and path maxima against the definition, pair by pair."""

import pytest
import torch
from slow_pairs import slow_offsets, slow_path

from bas_mm.models.functional.affinity_paths import (
    _path_plan,
    anchor_window,
    pair_offsets,
    path_maxima,
    path_points,
)


@pytest.mark.parametrize(('radius', 'count'), [(2, 4), (5, 34), (10, 152)])
def test_offsets_and_paths(radius, count):
    offsets = pair_offsets(radius)
    assert list(offsets) == slow_offsets(radius)
    assert len(offsets) == count
    for offset in offsets:
        assert path_points(offset) == set(slow_path((0, 0), offset))


def test_width_of_a_path():
    assert path_points((0, 2)) == {(0, 0), (0, 1), (0, 2)}
    # The corners of a diagonal step are nearer than 1 to it.
    assert path_points((1, -1)) == {(0, 0), (0, -1), (1, 0), (1, -1)}
    # So are all points in two rows; in three they are not.
    assert len(path_points((1, 9))) == 20
    assert path_points((2, 2)) == {(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)}


@pytest.mark.parametrize(
    ('radius', 'size'), [(2, (2, 3)), (3, (5, 8)), (5, (9, 12)), (10, (11, 21))]
)
@pytest.mark.parametrize('dtype', [torch.float64, torch.int16])
def test_maxima_of_every_pair(radius, size, dtype):
    generator = torch.Generator().manual_seed(radius)
    values = torch.randint(0, 1000, (2, *size), generator=generator).to(dtype)
    maxima = path_maxima(values, radius)
    m = radius - 1
    assert maxima.shape == (2, len(pair_offsets(radius)), size[0] - m, size[1] - 2 * m)
    assert maxima.dtype == dtype
    for n, (dy, dx) in enumerate(slow_offsets(radius)):
        for y in range(maxima.shape[2]):
            for x in range(maxima.shape[3]):
                path = slow_path((y, x + m), (y + dy, x + m + dx))
                expected = torch.stack([values[:, py, px] for py, px in path]).amax(0)
                assert torch.equal(maxima[:, n, y, x], expected)


def test_long_paths_are_put_together_from_shorter_ones():
    plan = _path_plan(10)
    assert sum(len(path_points(offset)) - 1 for offset in pair_offsets(10)) == 1982
    assert sum(len(step.paths) + len(step.points) - 1 for step in plan) == 638


def test_no_gradient_is_recorded():
    values = torch.rand(1, 3, 5, requires_grad=True)
    maxima = path_maxima(values, 2)
    assert not maxima.requires_grad
    assert torch.equal(maxima, path_maxima(values.detach(), 2))


def test_impossible_sizes_are_named():
    with pytest.raises(ValueError, match='radius=1: pairs'):
        pair_offsets(1)
    with pytest.raises(ValueError, match='9×30 points is too small for pairs within radius 10'):
        anchor_window(9, 30, 10)
    with pytest.raises(ValueError, match='it takes 10×19 at least'):
        path_maxima(torch.zeros(1, 10, 18), 10)
