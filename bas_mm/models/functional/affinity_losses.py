"""Losses of IRNet over pairs of grid points, without a term per pair in the graph.

A training batch of 32 crops has 64 million pairs. What each adds to a loss depends on few numbers:

* The affinity of a pair is 1 − e at *one* point, the highest of its path. Its loss is a function
  of that point's e, so that a loss is Σ_p n(p)·f(e_p), n(p) the number of pairs whose highest
  point is p. Counting needs no gradient, and n is as small as the grid.
* |d_i − d_j − Δ| is linear in d as long as its sign s holds, so that a loss is Σ_p g(p)·d_p − k,
  with g(p) and k sums of signs.

Values and gradients are those of the sums over pairs.
"""

from functools import lru_cache
from typing import NamedTuple

import torch

from bas_mm.utils.byte_labels import IGNORED

from .affinity_paths import anchor_window, pair_offsets, path_maxima
from .bas import at_least_float32

__all__ = [
    'BACKGROUND',
    'DROPPED',
    'FOREGROUND',
    'NEGATIVE',
    'PairLosses',
    'boundary_losses',
    'displacement_losses',
    'pair_counts',
    'pair_kinds',
]

#: Kinds of pairs: both background, both the same class, different classes, one end unsure.
BACKGROUND, FOREGROUND, NEGATIVE, DROPPED = range(4)

# IRNet's: added to affinities in the logarithm, and to the counts that means divide by.
_EPS = 1e-5

# Pairs that are looked at in one go: it bounds the memory, 10 to 20 bytes for each.
_PAIRS_AT_ONCE = 2**23


class PairLosses(NamedTuple):
    """Mean loss over pairs of two kinds, each a 0-d tensor."""

    first: torch.Tensor
    second: torch.Tensor


def pair_kinds(labels: torch.Tensor, radius: int) -> torch.Tensor:
    """Tell pairs apart by the labels of their ends.

    Args:
        labels (Tensor): (N, H, W), any integer type: 0 background, k + 1 class k, 255 unsure.
        radius (int): r.

    Returns:
        Tensor: (N, P, H−m, W−2m) uint8 with m = r − 1: ``BACKGROUND``, ``FOREGROUND``,
        ``NEGATIVE`` or ``DROPPED``, of each anchor and offset.

    Raises:
        ValueError: the grid has no anchor.
    """
    height, width = labels.shape[-2:]
    # One byte holds every label.
    labels = labels.to(torch.uint8)
    first = labels[anchor_window(height, width, radius)][:, None]
    second = torch.stack(
        [labels[anchor_window(height, width, radius, o)] for o in pair_offsets(radius)], 1
    )
    kinds = torch.where(first == second, (first > 0).to(torch.uint8), NEGATIVE)
    return kinds.masked_fill_((first == IGNORED) | (second == IGNORED), DROPPED)


def pair_counts(kinds: torch.Tensor) -> torch.Tensor:
    """The number of pairs of each kind, which the losses' means divide by.

    Args:
        kinds (Tensor): of :func:`pair_kinds`.

    Returns:
        Tensor: (3,) float64: of ``BACKGROUND``, ``FOREGROUND`` and ``NEGATIVE``.
    """
    return torch.stack([(kinds == kind).sum() for kind in range(DROPPED)]).double()


def boundary_losses(
    boundary: torch.Tensor,
    kinds: torch.Tensor,
    radius: int,
    counts: torch.Tensor | None = None,
) -> PairLosses:
    """IRNet's losses of the affinities 1 − max(boundary on the path).

    Args:
        boundary (Tensor): e, (N, 1, H, W) in [0, 1].
        kinds (Tensor): of :func:`pair_kinds`, for the same grid.
        radius (int): r.
        counts (Tensor, optional): of :func:`pair_counts`, of a batch that these images are a part
            of. Default: None, of these images.

    Returns:
        PairLosses: pos, half the mean of −log(a + eps) over background pairs and half of that over
        foreground pairs; neg, the mean of −log(1 + eps − a) over negative pairs. At least
        float32. A mean is sum / (count + eps), and eps is 1e-5.
    """
    e = at_least_float32(boundary).flatten(1)
    highest = _highest_points(boundary.detach()[:, 0], kinds, radius).to(e.dtype)
    counts = pair_counts(kinds) if counts is None else counts
    agree = -(1 - e + _EPS).log()
    # 1 + eps − (1 − e), without the rounding.
    differ = -(e + _EPS).log()
    background, foreground, negative = (
        (of_kind * term).sum() / (count + _EPS).to(e.dtype)
        for of_kind, term, count in zip(highest.unbind(1), (agree, agree, differ), counts)
    )
    return PairLosses((background + foreground) / 2, negative)


def _highest_points(boundary: torch.Tensor, kinds: torch.Tensor, radius: int) -> torch.Tensor:
    """Count for each point and kind the pairs whose path has its maximum there.

    Args:
        boundary (Tensor): (N, H, W).
        kinds (Tensor): (N, P, H−m, W−2m).
        radius (int): r.

    Returns:
        Tensor: (N, 3, H·W) int64. Of several equal maxima one is taken.
    """
    size = boundary[0].numel()
    order = boundary.flatten(1).argsort(dim=1)
    # Ranks are as good as values to find a maximum, and tell where it was.
    narrow = torch.int16 if size <= 2**15 else torch.int32
    ranks = torch.empty_like(order, dtype=narrow)
    ranks.scatter_(1, order, torch.arange(size, dtype=narrow, device=order.device).expand_as(order))
    ranks = ranks.view_as(boundary)

    counts = order.new_empty((len(order), 4, size))
    at_once = max(1, _PAIRS_AT_ONCE // kinds[0].numel())
    for start in range(0, len(order), at_once):
        part = slice(start, start + at_once)
        maxima = path_maxima(ranks[part], radius)
        images = torch.arange(len(maxima), device=order.device)[:, None, None, None]
        slots = (kinds[part] + 4 * images).mul_(size).add_(maxima)
        slots = slots.flatten()
        # Not torch.bincount, which looks for the largest and makes the host wait.
        counted = order.new_zeros(len(maxima) * 4 * size)
        counted.scatter_add_(0, slots, order.new_ones(()).expand(slots.shape))
        counts[part] = counted.view(-1, 4, size)
    # From ranks to points.
    return torch.zeros_like(counts[:, :DROPPED]).scatter_(
        2, order[:, None].expand(-1, DROPPED, -1), counts[:, :DROPPED]
    )


@lru_cache
def _offsets_on(device: torch.device, dtype: torch.dtype, radius: int) -> torch.Tensor:
    """Offsets of pairs, (P, 2, 1, 1); copied to the device once, as that takes a wait."""
    return torch.tensor(pair_offsets(radius), dtype=dtype, device=device)[..., None, None]


def displacement_losses(
    displacement: torch.Tensor,
    kinds: torch.Tensor,
    radius: int,
    counts: torch.Tensor | None = None,
) -> PairLosses:
    """IRNet's losses of the displacement field.

    Args:
        displacement (Tensor): d, (N, 2, H, W) in points of the grid: rows, columns.
        kinds (Tensor): of :func:`pair_kinds`, for the same grid.
        radius (int): r.
        counts (Tensor, optional): as in :func:`boundary_losses`.

    Returns:
        PairLosses: fg, the mean of ``|d_i − d_j − (y, x)|`` over foreground pairs with j at (y, x)
        from i; bg, the mean of ``|d_i − d_j|`` over background pairs: over pairs and both channels,
        sum / (2·count + 1e-5). At least float32.
    """
    d = at_least_float32(displacement)
    height, width = d.shape[-2:]
    anchors = anchor_window(height, width, radius)
    with torch.no_grad():
        # Both kinds at once, foreground first: 1 and 0, made on the device.
        both = torch.arange(FOREGROUND, BACKGROUND - 1, -1, dtype=kinds.dtype, device=d.device)
        both = both[:, None, None, None, None]
        slopes = d.new_zeros((2, *d.shape))
        first, of_anchors = d[anchors], slopes[anchors]
        offsets = pair_offsets(radius)
        deltas = _offsets_on(d.device, d.dtype, radius)
        summed = d.new_empty((len(offsets), 2), dtype=torch.float64)
        for index, (offset, delta) in enumerate(zip(offsets, deltas)):
            partners = anchor_window(height, width, radius, offset)
            difference = first - d[partners]
            signs = torch.stack([difference - delta, difference]).sign_()
            signs *= kinds[:, index, None] == both
            of_anchors += signs
            slopes[partners] -= signs
            torch.sum(signs[0], (0, 2, 3), dtype=torch.float64, out=summed[index])
        shift = (summed * deltas[..., 0, 0]).sum()
        counts = pair_counts(kinds) if counts is None else counts
    # Two large numbers with a small difference: summed in double precision.
    foreground, background = (slopes * d).sum((1, 2, 3, 4), dtype=torch.float64)
    foreground = (foreground - shift) / (2 * counts[FOREGROUND] + _EPS)
    background = background / (2 * counts[BACKGROUND] + _EPS)
    return PairLosses(foreground.to(d.dtype), background.to(d.dtype))
