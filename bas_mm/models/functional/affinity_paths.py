"""Pairs of grid points, and the highest boundary on the way between the two.

The pairs of IRNet: J. Ahn, S. Cho, S. Kwak, *Weakly Supervised Learning of Instance Segmentation
with Inter-pixel Relations*, CVPR 2019. A pair is an anchor i and j = i + offset. The offsets point
downwards, or to the right in the same row, so that each pair is met once.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

__all__ = [
    'GridPoint',
    'anchor_window',
    'pair_offsets',
    'path_maxima',
    'path_points',
]

#: Row and column.
GridPoint = tuple[int, int]


@lru_cache(maxsize=16)
def pair_offsets(radius: int) -> tuple[GridPoint, ...]:
    """From an anchor to its partners nearer than ``radius``.

    Args:
        radius (int): r, at least 2, in points of the grid.

    Returns:
        tuple[tuple[int, int], ...]: (y, x) with y = 0 and 0 < x < r, or 0 < y < r, and
        x² + y² < r²: 34 of them for r = 5, 152 for r = 10.

    Raises:
        ValueError: there is no such offset.
    """
    if radius < 2:
        raise ValueError(f'radius={radius}: pairs of neighbours need a radius of at least 2.')
    return tuple(
        (y, x)
        for y in range(radius)
        for x in range(1 - radius if y else 1, radius)
        if x * x + y * y < radius * radius
    )


def path_points(offset: GridPoint) -> frozenset[GridPoint]:
    """The path from an anchor to its partner, both ends included, as seen from the anchor.

    All grid points of the pair's bounding box whose distance from the line through the two is
    less than 1: |cross product|² < length², in integers.

    Args:
        offset (tuple[int, int]): (y, x) with y ≥ 0.
    """
    dy, dx = offset
    columns = range(min(dx, 0), max(dx, 0) + 1)
    return frozenset(
        (y, x) for y in range(dy + 1) for x in columns if (x * dy - y * dx) ** 2 < dy * dy + dx * dx
    )


class _Step(NamedTuple):
    """How the maximum over one path is put together.

    Attributes:
        index (int): the offset's place in :func:`pair_offsets`.
        paths (tuple[int, ...]): offsets that were done before and whose paths are part of this
            one.
        points (tuple[tuple[int, int], ...]): the points that are then left.
    """

    index: int
    paths: tuple[int, ...]
    points: tuple[GridPoint, ...]


@lru_cache(maxsize=16)
def _path_plan(radius: int) -> tuple[_Step, ...]:
    """The shortest paths first, and long ones from what is there already.

    A maximum may count a point twice, so that paths can be joined from overlapping parts: a third
    of the work (638 in place of 1982 maxima for r = 10). It depends on nothing but the radius.
    """
    paths = {index: path_points(offset) for index, offset in enumerate(pair_offsets(radius))}
    plan: list[_Step] = []
    done: list[int] = []
    for index in sorted(paths, key=lambda index: len(paths[index])):
        parts = [other for other in done if paths[other] <= paths[index]]
        left, used = set(paths[index]), []
        while parts:
            best = max(parts, key=lambda other: len(paths[other] & left))
            if len(paths[best] & left) < 2:
                break
            used.append(best)
            left -= paths[best]
        plan.append(_Step(index, tuple(used), tuple(sorted(left))))
        done.append(index)
    return tuple(plan)


def anchor_window(height: int, width: int, radius: int, point: GridPoint = (0, 0)) -> tuple:
    """Where ``point``, as seen from each anchor, lies in a grid.

    Anchors are the points from which every offset stays on the grid: with m = r − 1, the rows
    0 … H−1−m and the columns m … W−1−m.

    Args:
        height (int): H, rows of the grid.
        width (int): W, columns of the grid.
        radius (int): r.
        point (tuple[int, int]): (y, x) within the reach of the offsets. Default: the anchor.

    Returns:
        tuple: an index of the last two dimensions of (…, H, W), giving (…, H−m, W−2m).

    Raises:
        ValueError: the grid has no anchor.
    """
    margin = radius - 1
    rows, columns = height - margin, width - 2 * margin
    if rows < 1 or columns < 1:
        raise ValueError(
            f'a grid of {height}×{width} points is too small for pairs within radius {radius}: it '
            f'takes {radius}×{2 * radius - 1} at least. Take larger pictures or a smaller radius.'
        )
    y, x = point
    return (..., slice(y, y + rows), slice(margin + x, margin + x + columns))


def path_maxima(values: torch.Tensor, radius: int) -> torch.Tensor:
    """The highest value on the path of every pair whose anchor has all its partners.

    Args:
        values (Tensor): (N, H, W), of any type that has an order. No gradient is recorded: what
            trains looks up where the maximum was, see :mod:`.affinity_losses`.
        radius (int): r.

    Returns:
        Tensor: (N, P, H−m, W−2m) with m = r − 1; P in the order of :func:`pair_offsets`.

    Raises:
        ValueError: the grid has no anchor.
    """
    values = values.detach()
    height, width = values.shape[-2:]
    count = len(pair_offsets(radius))
    anchors = values[anchor_window(height, width, radius)]
    maxima = values.new_empty((len(values), count, *anchors.shape[-2:]))
    for index, paths, points in _path_plan(radius):
        parts: Sequence[torch.Tensor] = [
            *(maxima[:, path] for path in paths),
            *(values[anchor_window(height, width, radius, point)] for point in points),
        ]
        # A path has two points at least, and no other path is equal to it.
        out = maxima[:, index]
        torch.maximum(parts[0], parts[1], out=out)
        for part in parts[2:]:
            torch.maximum(out, part, out=out)
    return maxima
