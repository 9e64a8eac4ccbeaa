"""The random walk that carries seeds up to the boundaries between things.

IRNet's semantic propagation (Ahn, Cho, Kwak, CVPR 2019, section 5): x·T^t with T the column-wise
normalised affinities of neighbours.

T is never made. Two things keep the walk short and exact:

* T = D⁻¹A as it acts on maps has real eigenvalues within [−1, 1], D being the sums of the
  symmetric affinities A. λ^t is on [−1, 1] the sum Σ_k c_k T_k(λ) of Chebyshev polynomials, all
  c_k ≥ 0 with sum 1, and those of k > √(2t·ln(2/ε)) together are less than ε (A. Sachdeva, N.
  Vishnoi, *Faster Algorithms via Approximation Theory*, 2014, chapter 3): 256 steps are 84
  products within 1e-7, 112 within 1e-12.
* A product adds flows a·(x_i − x_j) to x: what two neighbours have in common never enters a sum,
  and its rounding, which t steps would blow up, with it.
"""

from functools import lru_cache
from math import exp, lgamma, log

import torch
import torch.nn.functional as F

from bas_mm.utils.byte_labels import require_byte_label

from .affinity_paths import GridPoint, pair_offsets, path_maxima

__all__ = ['chebyshev_power', 'neighbour_affinities', 'propagate', 'random_walk', 'seeds_to_labels']

# What the Chebyshev series may leave out, and affinities that count as none: a walk would bring
# them to numbers below the smallest normal one, with which processors are slow.
_TOLERANCES = {torch.float32: (1e-7, 1e-12), torch.float64: (1e-12, 1e-30)}


def neighbour_affinities(boundary: torch.Tensor, radius: int) -> torch.Tensor:
    """Affinity 1 − max(boundary on the path) of every pair of an image within a radius.

    Args:
        boundary (Tensor): e, (h, w) in [0, 1].
        radius (int): r: pairs nearer than this.

    Returns:
        Tensor: (P, h, w): of each point and its partner at ``pair_offsets(radius)``; 0 where the
        partner is outside of the image.
    """
    margin = radius - 1
    # Everything outside is boundary. The partner is on the path, so that nothing leads there.
    padded = F.pad(boundary, (margin, margin, 0, margin), value=1.0)
    return 1 - path_maxima(padded[None], radius)[0]


@lru_cache(maxsize=16)
def chebyshev_power(power: int, tolerance: float) -> tuple[float, ...]:
    """λ^power on [−1, 1] as a short sum of Chebyshev polynomials.

    Args:
        power (int): at least 0.
        tolerance (float): largest error on [−1, 1], below 1.

    Returns:
        tuple[float, ...]: c_0, c_1 …; every second one is 0.
    """
    coefficients = [0.0] * (power + 1)
    for k in range(power % 2, power + 1, 2):
        # 2^(1−n)·binomial(n, (n−k)/2), and half of that for k = 0.
        ways = lgamma(power + 1) - lgamma((power - k) // 2 + 1) - lgamma((power + k) // 2 + 1)
        coefficients[k] = (2 if k else 1) * exp(ways - power * log(2))
    left_out = 0.0
    while left_out + coefficients[-1] <= tolerance:
        left_out += coefficients.pop()
    return tuple(coefficients)


@torch.no_grad()
def random_walk(
    maps: torch.Tensor,
    boundary: torch.Tensor,
    radius: int,
    beta: float,
    steps: int,
) -> torch.Tensor:
    """x·(1 − e)·T^steps, with T_ij = a_ij^β / Σ_i a_ij^β and 1 on the diagonal of a.

    Args:
        maps (Tensor): x, (K, h, w), from 0 on.
        boundary (Tensor): e, (h, w) in [0, 1], on the same device. Computed in the wider type of
            the two, at least float32.
        radius (int): pairs nearer than this many points have an affinity.
        beta (float): β.
        steps (int): t.

    Returns:
        Tensor: (K, h, w), within 1e-6 (float32) or 1e-11 (float64) of the product that was asked
        for, times the largest value of x.
    """
    if maps.shape[-2:] != boundary.shape:
        raise ValueError(
            f'maps {tuple(maps.shape)} and boundary {tuple(boundary.shape)} are not of one size.'
        )
    dtype = torch.promote_types(torch.promote_types(maps.dtype, boundary.dtype), torch.float32)
    tolerance, negligible = _TOLERANCES[dtype]
    boundary = boundary.to(dtype)
    start = (maps.to(dtype) * (1 - boundary)).flatten(1)

    affinities = neighbour_affinities(boundary, radius).pow_(beta).flatten(1)
    affinities.masked_fill_(affinities < negligible, 0)
    product = _FlowProduct(affinities, pair_offsets(radius), boundary.shape[1], start)

    # T_k x by the recurrence T_{k+1} = 2·M·T_k − T_{k−1}, written for the change u = T_k − T_{k−1}:
    # u grows by twice the flow, and is small where T_k is not.
    coefficients = chebyshev_power(steps, tolerance)
    current = product.operand
    walked = current * coefficients[0]
    change = torch.zeros_like(current)
    for k, coefficient in enumerate(coefficients[1:], 1):
        change.add_(product.flow(), alpha=2 if k > 1 else 1)
        current += change
        if coefficient:
            walked.add_(current, alpha=coefficient)
    return walked.clamp_(min=0).view_as(maps)


class _FlowProduct:
    """M·x − x for the walk's matrix, x being changed in place between two calls.

    The grid's points lie in one row, where an offset is a shift: that it would run over the end of
    the grid's rows does no harm, because those affinities are 0.

    Args:
        affinities (Tensor): (P, L), to the power β.
        offsets (tuple[tuple[int, int], ...]): P times (y, x).
        width (int): of the grid.
        operand (Tensor): x, (K, L).
    """

    def __init__(
        self,
        affinities: torch.Tensor,
        offsets: tuple[GridPoint, ...],
        width: int,
        operand: torch.Tensor,
    ) -> None:
        self.operand = operand
        self._flow = torch.empty_like(operand)
        difference = torch.empty_like(operand)
        length = operand.shape[1]
        sums = torch.ones(length, dtype=torch.float64, device=operand.device)
        # All views once: making one takes a third of the time that is computed with it.
        self._views = []
        for affinity, (y, x) in zip(affinities, offsets):
            shift = y * width + x
            if not 0 < shift < length:
                continue  # in a grid so small no pair has this offset
            first, second = slice(0, length - shift), slice(shift, length)
            weight = affinity[first]
            sums[first] += weight
            sums[second] += weight
            self._views.append(
                (
                    operand[:, second],
                    operand[:, first],
                    difference[:, first],
                    weight,
                    self._flow[:, first],
                    self._flow[:, second],
                )
            )
        self._inverse = sums.reciprocal_().to(operand.dtype)

    def flow(self) -> torch.Tensor:
        """Σ_i a_ij (x_i − x_j) / Σ_i a_ij, (K, L); the next call overwrites it."""
        self._flow.zero_()
        for second, first, difference, weight, to_first, to_second in self._views:
            torch.sub(second, first, out=difference)
            to_first.addcmul_(weight, difference)
            to_second.addcmul_(weight, difference, value=-1)
        return self._flow.mul_(self._inverse)


@torch.no_grad()
def propagate(
    boundary: torch.Tensor,
    seeds: torch.Tensor,
    size: tuple[int, int],
    radius: int,
    beta: float,
    steps: int,
    power: float,
) -> torch.Tensor:
    """Seeds at 1/4 of an image to its scores: the walk, upsampled and normalised.

    Args:
        boundary (Tensor): e, (ceil(H/4), ceil(W/4)) in [0, 1].
        seeds (Tensor): (K, ceil(H/4), ceil(W/4)) in [0, 1], K ≥ 1: the strided maps of the seeds.
        size (tuple[int, int]): H, W of the image.
        radius (int): see :func:`random_walk`.
        beta (float): see :func:`random_walk`.
        steps (int): see :func:`random_walk`.
        power (float): the seeds are raised to it.

    Returns:
        Tensor: (K, H, W) in [0, 1], divided by the maximum over all K; all 0 where nothing was
        left of the seeds.
    """
    walked = random_walk(seeds.pow(power), boundary, radius, beta, steps)
    large = F.interpolate(walked[None], scale_factor=4, mode='bilinear', align_corners=False)[0]
    large = large[:, : size[0], : size[1]]
    highest = large.max()
    return large / torch.where(highest > 0, highest, 1)


def seeds_to_labels(scores: torch.Tensor, classes: torch.Tensor, background: float) -> torch.Tensor:
    """The label of each pixel: the class with the highest score, or background.

    Args:
        scores (Tensor): (K, H, W), for example of :func:`propagate`.
        classes (Tensor): (K,) int64, each from 0 on: the classes of the K maps; K ≥ 1.
        background (float): score of the background.

    Returns:
        Tensor: (H, W) uint8: 0 for background, k + 1 for class k.

    Raises:
        ValueError: A class is above 253: a byte has no place for it, for 255 says "unsure".
    """
    require_byte_label(int(classes.max()))
    highest, index = scores.max(0)
    # On the way to the host nobody would wait for it.
    waits_not = scores.device.type != 'cpu'
    labels = (classes.to(scores.device, non_blocking=waits_not) + 1).to(torch.uint8)[index]
    return labels.masked_fill_(highest <= background, 0)
