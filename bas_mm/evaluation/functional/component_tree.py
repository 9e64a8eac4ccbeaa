"""Boxes of a picture's connected components above all levels, from one pass over its pixels."""

from typing import NamedTuple

import cv2
import numpy as np

__all__ = ['FINE_BITS', 'LevelComponents', 'level_components']

#: Bits behind the point: the order of pixels of the same grey, as far as these tell it.
FINE_BITS = 7

_VALUES = 256
# Up to so many pairs of basins each has a place in a table; sorting is slower where they are few.
_DENSE = 2**18


class LevelComponents(NamedTuple):
    """One entry for each component of ``gray > level``, at each level from 0 up.

    Attributes:
        levels (np.ndarray): Shape (K,), int64, ascending: the level of each component.
        boxes (np.ndarray): Shape (K, 4), int64: x0, y0, x1, y1, both corners inside.
        areas (np.ndarray): Shape (K,), int64: twice the area of the triangles and squares of
            neighbouring pixels that belong to it; empty where areas were not asked for.
    """

    levels: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray


class _Passes(NamedTuple):
    """Neighbours of two basins, each (P,)."""

    first: np.ndarray  # a basin
    second: np.ndarray  # the other one
    heights: np.ndarray  # uint8: below this level they are joined here


class _Nodes(NamedTuple):
    """Basins, and what they become when they join: alive at levels from death to below birth."""

    births: list[int]
    deaths: list[int]
    children: list[tuple[int, int]]  # of the last nodes, in their order


def level_components(
    fine: np.ndarray, *, diagonal: bool, enclosed: bool = False, areas: bool = False
) -> LevelComponents:
    """All connected components of ``gray > level`` at all levels at once.

    From every pixel the way up, always on to the greatest neighbour, ends at a local maximum; the
    pixels with the same end are its basin. Those of a basin that are above a level hang together,
    by their ways up. So a component is what some basins have above the level, and which ones is
    told by the passes between neighbouring basins, joined from the highest down (Kruskal's
    algorithm). What is left is arithmetic on as many rows as there are basins.

    Args:
        fine (np.ndarray): Shape (H, W), H, W <= 2**16, int32 in [0, 2**15): ``gray`` with
            :data:`FINE_BITS` bits behind the point. These spare basins and change nothing else.
        diagonal (bool): Whether pixels that touch at a corner hang together (8 neighbours), or
            those alone that share a side (4).
        enclosed (bool): Whether components that touch the border of the picture are left out.
        areas (bool): Whether areas are computed.

    Returns:
        LevelComponents: In the order of the levels.
    """
    gray = (fine >> FINE_BITS).astype(np.uint8)
    labels, births = _basins(fine, gray, diagonal)
    rows, own_rows = _scan(gray, labels)
    columns, own_columns = _scan(cv2.transpose(gray), cv2.transpose(labels))
    passes = [rows, columns]
    if diagonal:
        passes.append(_diagonal_passes(gray, labels))
    if enclosed:
        passes.append(_border_passes(gray, labels, len(births)))
    extents = _extents(own_columns, own_rows, births, max(gray.shape))
    count = len(births) + enclosed
    nodes = _join(births, _highest(passes, count), extents, enclosed)
    index, levels = _alive(nodes)
    boxes = extents[index, :, levels + 1].astype(np.int64)
    boxes[:, 2:] = np.iinfo(extents.dtype).max - boxes[:, 2:]
    own_areas = np.zeros(0, np.int64)
    if areas:
        own_areas = _sums(_cell_areas(gray, labels, len(births)), nodes, index, levels + 1)
    return LevelComponents(levels, boxes, own_areas)


def _basins(fine: np.ndarray, gray: np.ndarray, diagonal: bool) -> tuple[np.ndarray, np.ndarray]:
    """Number of the basin of each pixel, (H, W) int32, and the grey of their maxima, (n,).

    They are numbered from the greatest maximum down.
    """
    size = fine.size
    bits = max((size - 1).bit_length(), 1)
    kind = np.int32 if 8 + FINE_BITS + bits < 32 else np.int64
    # The index of the pixel as the last digits: no two keys are equal, and the greatest key of a
    # neighbourhood tells where it is.
    key = (fine.astype(kind) << bits) | np.arange(size, dtype=kind).reshape(fine.shape)
    best = key.copy()
    np.maximum(best[:, 1:], key[:, :-1], out=best[:, 1:])
    np.maximum(best[:, :-1], key[:, 1:], out=best[:, :-1])
    rows = best.copy() if diagonal else key
    np.maximum(best[1:], rows[:-1], out=best[1:])
    np.maximum(best[:-1], rows[1:], out=best[:-1])
    maxima = np.flatnonzero(best == key)
    maxima = maxima[np.argsort(~gray.ravel()[maxima], kind='stable')]
    # Each round doubles how far ahead every pixel looks; the last rounds are for those alone that
    # still get further. mode='clip' spares a check.
    ahead = (best & ((1 << bits) - 1)).ravel().astype(np.intp)
    is_moving = np.ones(size, bool)
    while 4 * np.count_nonzero(is_moving) > size:
        further = ahead.take(ahead, mode='clip')
        np.not_equal(ahead, further, out=is_moving)
        ahead = further
    moving = np.flatnonzero(is_moving)
    while moving.size:
        near = ahead.take(moving, mode='clip')
        far = ahead.take(near, mode='clip')
        ahead[moving] = far
        moving = moving[near != far]
    number = np.empty(size, np.int32)
    number[maxima] = np.arange(len(maxima), dtype=np.int32)
    return number.take(ahead, mode='clip').reshape(fine.shape), gray.ravel()[maxima]


def _scan(gray: np.ndarray, labels: np.ndarray) -> tuple[_Passes, tuple[np.ndarray, ...]]:
    """Passes between neighbours of a row; and the greatest value of each basin in each row.

    The latter as the flat index ``basin * 256 + value`` and the row, (R,) each; where a basin
    comes twice in a row, it is there twice.
    """
    width = labels.shape[1]
    is_first = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=is_first[:, 1:])
    starts = np.flatnonzero(is_first)
    gray, labels = gray.ravel(), labels.ravel()
    basins = labels[starts]
    row = starts // width
    inner = np.flatnonzero(starts != row * width)
    behind = starts[inner]
    heights = np.minimum(gray[behind - 1], gray[behind])
    passes = _Passes(basins[inner - 1], basins[inner], heights)
    index = basins.astype(np.intp) * _VALUES + np.maximum.reduceat(gray, starts)
    return passes, (index, row)


def _diagonal_passes(gray: np.ndarray, labels: np.ndarray) -> _Passes:
    """Passes across the corners of pixels, where no way around the corner is as high."""
    low, high = np.minimum, np.maximum
    falling = gray[:-1, :-1], gray[1:, 1:]
    rising = gray[:-1, 1:], gray[1:, :-1]
    width = gray.shape[1]
    first, second = [], []
    for corner, (own, other) in enumerate(((falling, rising), (rising, falling))):
        index = np.flatnonzero(low(*own) > high(*other))
        index += index // max(width - 1, 1) + corner  # of the first of the two pixels
        first.append(index)
        second.append(index + width + 1 - 2 * corner)
    one, two = np.concatenate(first), np.concatenate(second)
    gray, labels = gray.ravel(), labels.ravel()
    return _Passes(labels[one], labels[two], np.minimum(gray[one], gray[two]))


def _border_passes(gray: np.ndarray, labels: np.ndarray, outside: int) -> _Passes:
    """Passes out of the picture, to a basin that is as high as can be."""
    sides = (0, slice(None)), (-1, slice(None)), (slice(None), 0), (slice(None), -1)
    first = np.concatenate([labels[side] for side in sides])
    heights = np.concatenate([gray[side] for side in sides])
    return _Passes(first, np.full_like(first, outside), heights)


def _highest(passes: list[_Passes], count: int) -> _Passes:
    """The highest pass between each two of ``count`` basins, from the highest one down.

    Without those at 0: no level is below.
    """
    first, second, heights = (np.concatenate(column) for column in zip(*passes))
    pairs = np.minimum(first, second).astype(np.int64) * count + np.maximum(first, second)
    if count * count <= _DENSE:
        table = np.zeros(count * count, np.uint8)
        np.maximum.at(table, pairs, heights)
        pairs = np.flatnonzero(table)
        heights = table[pairs]
    else:
        both = np.sort(pairs * _VALUES + heights)
        both = both[np.append(np.diff(both // _VALUES) > 0, True)]
        pairs, heights = np.divmod(both[both % _VALUES > 0], _VALUES)
        heights = heights.astype(np.uint8)
    order = np.argsort(~heights, kind='stable')
    return _Passes(*np.divmod(pairs[order], count), heights[order])


def _extents(
    columns: tuple[np.ndarray, ...], rows: tuple[np.ndarray, ...], births: np.ndarray, side: int
) -> np.ndarray:
    """x0, y0, and x1, y1 counted from the far end, of the pixels of at least each value.

    Shape (2n, 4, 256), for n basins, uint8 where that is enough. For all four the smallest
    counts, so that the minimum of two basins is that of both. The second half is room for basins
    that join.
    """
    count = len(births)
    kind = np.uint8 if side <= 2**8 else np.uint16
    far = np.iinfo(kind).max
    extents = np.empty((2 * count, 4, _VALUES), kind)
    extents[:count] = far
    flat = extents.reshape(-1)
    for axis, (index, line) in enumerate((columns, rows)):
        # From basin * 256 + value to the place in the table.
        place = index + (index >> 8) * (3 * _VALUES) + axis * _VALUES
        line = line.astype(kind)
        np.minimum.at(flat, place, line)
        np.minimum.at(flat, place + 2 * _VALUES, far - line)
    # What holds of the pixels of one value is carried on to all smaller values, in steps of 1, 2,
    # 4 ...; nothing is above the maxima, which descend.
    first = 0
    for bits in range(7, -1, -1):
        last = int(np.searchsorted(-births.astype(np.int16), -(1 << bits), side='right'))
        part = extents[first:last, :, : 2 << bits]
        for step in range(bits + 1 if last > first else 0):
            low, high = part[..., : -(1 << step)], part[..., 1 << step :]
            np.minimum(low, high, out=low)
        first = last
    return extents


def _join(births: np.ndarray, passes: _Passes, extents: np.ndarray, enclosed: bool) -> _Nodes:
    """Join basins at their passes, from the highest down; fills the second half of ``extents``."""
    count = len(births) + enclosed
    outside = count - 1 if enclosed else -1
    born = births.tolist() + [0] * (2 * count)
    died = [0] * len(born)
    above = list(range(len(born)))
    rows = list(extents)
    children = []
    for a, b, height in zip(*(column.tolist() for column in passes)):
        while above[a] != a:
            above[a] = a = above[above[a]]
        while above[b] != b:
            above[b] = b = above[above[b]]
        if a == b:
            continue
        died[a] = died[b] = height
        if outside in (a, b):
            above[a] = above[b] = outside
            continue
        node = count + len(children)
        above[a] = above[b] = node
        born[node] = height
        np.minimum(rows[a], rows[b], out=rows[node])
        children.append((a, b))
    if enclosed:
        born[outside] = died[outside] = 0
    size = count + len(children)
    return _Nodes(born[:size], died[:size], children)


def _alive(nodes: _Nodes) -> tuple[np.ndarray, np.ndarray]:
    """Each node at each level at which it is alive: nodes and levels, (K,), by levels."""
    births, deaths = np.array(nodes.births), np.array(nodes.deaths)
    counts = births - deaths
    ends = counts.cumsum()
    index = np.repeat(np.arange(len(counts)), counts)
    levels = np.arange(len(index)) - np.repeat(ends - births, counts)
    order = np.argsort(levels.astype(np.uint8), kind='stable')
    return index[order], levels[order]


def _cell_areas(gray: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Twice the area of the cells of each basin at each value, (n, 256) int64.

    A cell has a pixel at each corner. With three of them above a level it adds a triangle, with
    all four a square; and then the upper one of two opposite pixels is among them.
    """
    one, two = gray[:-1, :-1], gray[1:, 1:]
    three, four = gray[:-1, 1:], gray[1:, :-1]
    low, high = np.minimum, np.maximum
    first, second = low(one, two), low(three, four)
    lowest = low(first, second)
    next_lowest = low(high(first, second), low(high(one, two), high(three, four)))
    basin = np.where(one >= two, labels[:-1, :-1], labels[1:, 1:]) * np.int32(_VALUES)
    size = count * _VALUES
    areas = np.bincount((basin + lowest).ravel(), minlength=size)
    areas += np.bincount((basin + next_lowest).ravel(), minlength=size)
    return areas.reshape(count, _VALUES)


def _sums(table: np.ndarray, nodes: _Nodes, index: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum of a table (n, 256) over the basins of nodes and over all values from one >= 1 on."""
    leaves = len(table)
    size = len(nodes.births)
    counts = [1] * leaves + [0] * (size - leaves)
    for node, (a, b) in enumerate(nodes.children, leaves):
        counts[node] = counts[a] + counts[b]
    # In this order the basins of every node are neighbours.
    begins = [-1] * size
    free = leaves
    for node in range(size - 1, -1, -1):
        if begins[node] < 0:
            free -= counts[node]
            begins[node] = free
        if node >= leaves:
            a, b = nodes.children[node - leaves]
            begins[a] = begins[node]
            begins[b] = begins[node] + counts[a]
    begins, counts = np.array(begins), np.array(counts)
    ordered = np.zeros((leaves + 1, _VALUES), np.int32)
    ordered[begins[:leaves] + 1] = table
    below = ordered.cumsum(axis=0, dtype=np.int32).cumsum(axis=1)
    first, last = begins[index], begins[index] + counts[index]
    sums = below[last, -1] - below[first, -1]
    return sums - (below[last, values - 1] - below[first, values - 1])
