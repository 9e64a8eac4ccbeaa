"""The random walk against a dense matrix and the published figures (golden/wsss.json)."""

import json

import pytest
import torch
import torch.nn.functional as F
from slow_pairs import slow_affinity, slow_offsets, slow_transition
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bas_mm.models.functional.affinity_paths import pair_offsets
from bas_mm.models.functional.random_walk import (
    chebyshev_power,
    neighbour_affinities,
    propagate,
    random_walk,
    seeds_to_labels,
)

WALK = dict(radius=5, beta=10, steps=256)


def _inputs(size=(6, 9), classes=2, dtype=torch.float64):
    generator = torch.Generator().manual_seed(5)
    boundary = torch.rand(size, generator=generator, dtype=torch.float64) ** 2
    maps = torch.rand(classes, *size, generator=generator, dtype=torch.float64)
    return maps.to(dtype), boundary.to(dtype)


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_golden_figures(golden_dir, golden_formula, dtype, tolerance):
    golden = json.loads((golden_dir / 'wsss.json').read_text())['random_walk']
    boundary = golden_formula.uniform(24 * 30).to(dtype).view(24, 30) ** 2
    maps = golden_formula.uniform(3 * 24 * 30, 1.0).to(dtype).view(3, 24, 30)
    walked = random_walk(maps, boundary, **WALK)
    assert [3, 1, *walked.shape[1:]] == golden['shape']
    expected = torch.tensor(golden['row7'], dtype=dtype)
    torch.testing.assert_close(walked[:, 7], expected, rtol=0, atol=tolerance)
    assert walked.sum().item() == pytest.approx(golden['sum'], rel=tolerance)
    assert walked.max().item() == pytest.approx(golden['max'], abs=tolerance)


@pytest.mark.parametrize('radius', [2, 3, 5])
def test_affinities_of_all_pairs(radius):
    _, boundary = _inputs()
    height, width = boundary.shape
    affinities = neighbour_affinities(boundary, radius)
    for n, (dy, dx) in enumerate(slow_offsets(radius)):
        for y in range(height):
            for x in range(width):
                inside = y + dy < height and 0 <= x + dx < width
                expected = slow_affinity(boundary, (y, x), (y + dy, x + dx)) if inside else 0
                assert affinities[n, y, x] == expected


@pytest.mark.parametrize(
    ('size', 'radius', 'beta', 'steps'),
    [
        ((6, 9), 5, 10, 256),
        ((6, 9), 3, 4, 0),
        ((6, 9), 3, 4, 1),
        ((7, 4), 4, 2.5, 17),
        # No pair has some of the offsets; in one row they are shifts backwards.
        ((3, 2), 5, 10, 256),
        ((1, 5), 3, 2, 8),
        ((5, 1), 3, 2, 8),
        ((1, 1), 5, 10, 256),
    ],
)
def test_equal_to_the_powers_of_a_dense_matrix(size, radius, beta, steps):
    maps, boundary = _inputs(size)
    expected = (maps * (1 - boundary)).flatten(1)
    transition = slow_transition(boundary, radius, beta)
    torch.testing.assert_close(transition.sum(0), torch.ones(len(transition), dtype=torch.float64))
    for _ in range(steps):
        expected = expected @ transition
    walked = random_walk(maps, boundary, radius, beta, steps)
    torch.testing.assert_close(walked, expected.view_as(maps), rtol=0, atol=1e-10)
    single = random_walk(maps.float(), boundary.float(), radius, beta, steps)
    torch.testing.assert_close(single.double(), walked, rtol=0, atol=2e-6)


def test_boundaries_of_both_extremes():
    maps, boundary = _inputs(dtype=torch.float32)
    # Every point is a wall: nothing moves, and nothing is left of x.
    assert not random_walk(maps, torch.ones_like(boundary), **WALK).any()
    # A wall in the middle: what starts on the left stays there.
    maps, walls = torch.zeros(1, 6, 9), torch.zeros(6, 9)
    maps[0, 2, 1], walls[:, 4] = 1, 1
    walked = random_walk(maps, walls, **WALK)[0]
    assert not walked[:, 4:].any()
    # T^256 is at rest there: each point's share is that of its affinities' sum.
    torch.testing.assert_close(walked[:, :4], walked[0, 0].expand(6, 4), rtol=1e-3, atol=0)
    # Affinities around 1e-20, once over and twice over, give no numbers that are not normal.
    torch.manual_seed(0)
    seed = torch.zeros(1, 20, 20)
    seed[0, 10, 10] = 1
    walked = random_walk(seed, torch.rand(20, 20) * 0.03 + 0.97, **WALK)
    assert walked.isfinite().all()
    assert not ((walked > 0) & (walked < torch.finfo(torch.float32).tiny)).any()


def test_what_the_series_leaves_out_takes_no_map_below_zero():
    seed = torch.zeros(1, 1, 200)
    seed[0, 0, 0] = 1
    walked = random_walk(seed, torch.zeros(1, 200), 2, 10, 256)
    assert walked.min() >= 0


@pytest.mark.parametrize('types', [(torch.float64, torch.float32), (torch.float32, torch.float64)])
def test_two_types_are_computed_in_the_wider_one(types):
    maps, boundary = (x.to(dtype) for x, dtype in zip(_inputs(), types))
    walked = random_walk(maps, boundary, **WALK)
    assert torch.equal(walked, random_walk(maps.double(), boundary.double(), **WALK))


def test_half_precision_is_computed_in_float32():
    maps, boundary = _inputs(dtype=torch.bfloat16)
    walked = random_walk(maps, boundary, **WALK)
    assert torch.equal(walked, random_walk(maps.float(), boundary.float(), **WALK))


@pytest.mark.parametrize('power', [0, 1, 2, 7, 256])
@pytest.mark.parametrize('tolerance', [1e-4, 1e-7, 1e-12])
def test_chebyshev_series(power, tolerance):
    coefficients = torch.tensor(chebyshev_power(power, tolerance), dtype=torch.float64)
    angles = torch.linspace(0, torch.pi, 2001, dtype=torch.float64)
    series = (
        coefficients[:, None] * torch.cos(torch.arange(len(coefficients))[:, None] * angles)
    ).sum(0)
    torch.testing.assert_close(series, angles.cos() ** power, rtol=0, atol=tolerance + 2e-13)
    if power == 256:
        assert len(coefficients) - 1 == {1e-4: 62, 1e-7: 84, 1e-12: 112}[tolerance]


class _Peak(TorchDispatchMode):
    """Notes how many bytes the tensors that operations gave took together, at most."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                storage = StorageWeakRef(tensor.untyped_storage())
                self.alive[storage.cdata] = storage, tensor.untyped_storage().nbytes()
        self.alive = {key: one for key, one in self.alive.items() if not one[0].expired()}
        self.most = max(self.most, sum(size for _, size in self.alive.values()))
        return result


def test_memory_of_a_walk():
    """400 MB for the features of a picture of 375x500 with three classes; T alone would be 552."""
    maps, boundary = _inputs((94, 125), 3, torch.float32)
    with _Peak() as peak:
        random_walk(maps, boundary, **WALK)
    of_affinities = len(pair_offsets(WALK['radius'])) * boundary.nbytes
    assert of_affinities < peak.most < 400e6


def test_maps_of_another_size_are_refused():
    maps, boundary = _inputs()
    with pytest.raises(ValueError, match=r'maps \(2, 6, 8\) and boundary \(6, 9\)'):
        random_walk(maps[..., 1:], boundary, **WALK)


def test_propagation_to_the_size_of_the_image():
    maps, boundary = _inputs((6, 9), 3)
    scores = propagate(boundary, maps, (23, 33), **WALK, power=1.5)
    assert scores.shape == (3, 23, 33)
    walked = random_walk(maps**1.5, boundary, **WALK)
    large = F.interpolate(walked[None], (24, 36), mode='bilinear', align_corners=False)[0]
    expected = large[:, :23, :33] / large[:, :23, :33].max()
    torch.testing.assert_close(scores, expected, rtol=1e-12, atol=1e-15)
    nothing = torch.zeros_like(maps)
    assert not propagate(boundary, nothing, (23, 33), **WALK, power=1.5).any()


def test_labels():
    scores = torch.tensor([[[0.9, 0.1, 0.3]], [[0.8, 0.2, 0.31]]])
    labels = seeds_to_labels(scores, torch.tensor([4, 79]), background=0.22)
    assert labels.dtype == torch.uint8
    assert labels.tolist() == [[5, 0, 80]]
    assert seeds_to_labels(scores, torch.tensor([4, 79]), background=0.5).tolist() == [[5, 0, 0]]
    # A score that equals the background's does not exceed it.
    even = torch.full((1, 1, 1), 0.25)
    assert seeds_to_labels(even, torch.tensor([4]), background=0.25).tolist() == [[0]]
    assert seeds_to_labels(scores, torch.tensor([4, 253]), background=0.22).tolist() == [
        [5, 0, 254]
    ]
    with pytest.raises(ValueError, match='no place for class 254, only for classes 0 to 253'):
        seeds_to_labels(scores, torch.tensor([4, 254]), background=0.22)
