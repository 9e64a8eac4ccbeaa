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


class _Runs(NamedTuple):
    """Runs of neighbours in a row that rise to one top and fall again, each (R,).

    In raster order, and every pixel is in one. The lowest pixel between two tops begins a run.
    """

    starts: np.ndarray  # flat index of the first pixel
    greatest: np.ndarray  # uint8: grey of the top
    basins: np.ndarray  # what basin it belongs to


class _Passes(NamedTuple):
    """Neighbours of two basins, each (P,)."""

    first: np.ndarray  # a basin
    second: np.ndarray  # the other one
    heights: np.ndarray  # uint8: below this level they are joined here


class _Nodes(NamedTuple):
    """Basins, and what they become when they join: alive at levels from death to below birth."""

    births: np.ndarray  # (N,); those of the basins descend
    deaths: np.ndarray  # (N,)
    children: list[tuple[int, int]]  # of the last nodes, in their order

    @property
    def leaves(self) -> int:
        """How many there are before any join."""
        return len(self.births) - len(self.children)


def level_components(
    fine: np.ndarray, *, diagonal: bool, enclosed: bool = False, areas: bool = False
) -> LevelComponents:
    """All connected components of ``gray > level`` at all levels at once.

    From every pixel a way up, always on to a greater neighbour, ends at a local maximum; the
    pixels with the same end are its basin. Those of a basin that are above a level hang together,
    by their ways up. So a component is what some basins have above the level, and which ones is
    told by the passes between neighbouring basins, joined from the highest down (Kruskal's
    algorithm). What is left is arithmetic on as many rows as there are basins.

    Args:
        fine (np.ndarray): Shape (H, W), H, W <= 2**16, int16 (or wider) in [0, 2**15):
            ``gray`` with :data:`FINE_BITS` bits behind the point. These spare basins and change
            nothing else.
        diagonal (bool): Whether pixels that touch at a corner hang together (8 neighbours), or
            those alone that share a side (4).
        enclosed (bool): Whether components that touch the border of the picture are left out.
        areas (bool): Whether areas are computed.

    Returns:
        LevelComponents: In the order of the levels.
    """
    gray = (fine >> FINE_BITS).astype(np.uint8)
    runs, births = _basins(fine, diagonal)
    # One more number is for what is outside.
    basins = runs.basins.astype(np.uint16 if len(births) < 2**16 else np.int32)
    labels = np.repeat(basins, np.diff(runs.starts, append=fine.size)).reshape(fine.shape)
    rows, own_rows = _row_passes(gray, runs)
    columns, own_columns = _column_passes(gray, labels)
    passes = [rows, columns]
    if diagonal:
        passes.append(_diagonal_passes(gray, labels))
    if enclosed:
        passes.append(_border_passes(gray, labels, len(births)))
    nodes = _join(births, _highest(passes, len(births) + enclosed), enclosed)
    index, levels = _alive(nodes)
    boxes = _extents(own_columns, own_rows, nodes, max(gray.shape))[index, levels + 1]
    boxes[:, 2:] = ~boxes[:, 2:]
    own_areas = np.zeros(0, np.int64)
    if areas:
        own_areas = _areas(gray, labels, nodes)[index, levels + 1]
    return LevelComponents(levels, boxes.astype(np.int64), own_areas)


def _basins(fine: np.ndarray, diagonal: bool) -> tuple[_Runs, np.ndarray]:
    """Runs of all rows, and the grey of the maximum of each basin, (n,), descending.

    A way up leads along the run to its top, and from there to a run above or below it: so a run
    is in one basin, and no pixel but the tops has to look around. Of equal pixels the one further
    on in raster order counts as the greater.
    """
    height, width = fine.shape
    falls = fine[:, :-1] > fine[:, 1:]
    is_start = np.zeros(fine.shape, bool)
    is_start[:, 0] = True
    np.greater(falls[:, :-1], falls[:, 1:], out=is_start[:, 1:-1])  # a fall, then none
    is_top = np.ones(fine.shape, bool)
    is_top[:, :-1] = falls
    np.greater(is_top[:, 1:], falls, out=is_top[:, 1:])
    starts, tops = np.flatnonzero(is_start), np.flatnonzero(is_top)
    # The greatest neighbour above or below. For those beyond the border another pixel around the
    # top stands in, or the top itself.
    y, x = np.divmod(tops, width)
    rows = np.maximum(y - 1, 0) * width, np.minimum(y + 1, height - 1) * width
    columns = (np.maximum(x - 1, 0), x, np.minimum(x + 1, width - 1)) if diagonal else (x,)
    near = np.stack([tops, *(row + column for row in rows for column in columns)])
    flat = fine.ravel()
    # The index of the pixel as the last digits tells equal ones apart, and where the greatest is.
    best = (flat.take(near).astype(np.int64) * fine.size + near).max(axis=0) % fine.size
    ahead = np.searchsorted(starts, best, side='right') - 1
    number = np.arange(len(starts))
    maxima = np.flatnonzero(ahead == number)
    # Each round doubles how far ahead every run looks.
    while not np.array_equal(ahead, further := ahead.take(ahead)):
        ahead = further
    greatest = (flat.take(tops) >> FINE_BITS).astype(np.uint8)
    maxima = maxima[np.argsort(~greatest[maxima], kind='stable')]
    number[maxima] = np.arange(len(maxima))
    return _Runs(starts, greatest, number.take(ahead)), greatest[maxima]


def _row_passes(gray: np.ndarray, runs: _Runs) -> tuple[_Passes, tuple[np.ndarray, ...]]:
    """Passes between neighbours of a row; and the greatest value of each basin in each row.

    The latter as the flat index ``basin * 256 + value`` and the row, (R,) each; where a basin
    comes twice in a row, it is there twice.
    """
    row, column = np.divmod(runs.starts, gray.shape[1])
    behind = np.flatnonzero(column)
    # A run's first pixel is lower than the last one of the run before.
    heights = gray.ravel()[runs.starts[behind]]
    passes = _Passes(runs.basins[behind - 1], runs.basins[behind], heights)
    return passes, (runs.basins * _VALUES + runs.greatest, row)


def _column_passes(gray: np.ndarray, labels: np.ndarray) -> tuple[_Passes, tuple[np.ndarray, ...]]:
    """The same of columns."""
    gray, labels = cv2.transpose(gray), cv2.transpose(labels)
    is_first = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=is_first[:, 1:])
    starts = np.flatnonzero(is_first)
    column, row = np.divmod(starts, labels.shape[1])
    gray, basins = gray.ravel(), labels.ravel()[starts].astype(np.intp)
    inner = np.flatnonzero(row)
    behind = starts[inner]
    heights = np.minimum(gray[behind - 1], gray[behind])
    passes = _Passes(basins[inner - 1], basins[inner], heights)
    return passes, (basins * _VALUES + np.maximum.reduceat(gray, starts), column)


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
        pairs = np.flatnonzero(table > 0)
        heights = table[pairs]
    else:
        both = np.sort(pairs * _VALUES + heights)
        both = both[np.append(np.diff(both // _VALUES) > 0, True)]
        pairs, heights = np.divmod(both[both % _VALUES > 0], _VALUES)
        heights = heights.astype(np.uint8)
    order = np.argsort(~heights, kind='stable')
    return _Passes(*np.divmod(pairs[order], count), heights[order])


def _join(births: np.ndarray, passes: _Passes, enclosed: bool) -> _Nodes:
    """Join basins at their passes, from the highest down."""
    count = len(births) + enclosed
    outside = count - 1 if enclosed else -1
    born = births.tolist() + [0] * (2 * count)
    died = [0] * len(born)
    above = list(range(len(born)))
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
        children.append((a, b))
    if enclosed:
        born[outside] = died[outside] = 0
    size = count + len(children)
    return _Nodes(np.array(born[:size]), np.array(died[:size]), children)


def _alive(nodes: _Nodes) -> tuple[np.ndarray, np.ndarray]:
    """Each node at each level at which it is alive: nodes and levels, (K,), by levels."""
    counts = nodes.births - nodes.deaths
    ends = counts.cumsum()
    index = np.repeat(np.arange(len(counts)), counts)
    levels = np.arange(len(index)) - np.repeat(ends - nodes.births, counts)
    order = np.argsort(levels.astype(np.uint8), kind='stable')
    return index[order], levels[order]


def _extents(
    columns: tuple[np.ndarray, ...], rows: tuple[np.ndarray, ...], nodes: _Nodes, side: int
) -> np.ndarray:
    """x0, y0, ~x1, ~y1 of the pixels of each node that have at least each value.

    Shape (N, 256, 4), uint8 where that is enough. Of x1 and y1 the complements, so that the
    smallest counts for all four: the minimum of two nodes is that of both.
    """
    kind = np.uint8 if side <= 2**8 else np.uint16
    extents = np.full((len(nodes.births), _VALUES, 4), np.iinfo(kind).max, kind)
    flat = extents.reshape(-1)
    for axis, (index, line) in enumerate((columns, rows)):
        place = 4 * index + axis
        line = line.astype(kind)
        np.minimum.at(flat, place, line)
        np.minimum.at(flat, place + 2, ~line)
    # What holds of the pixels of one value is carried on to all smaller values. Nothing is above
    # the maxima.
    births = nodes.births[: nodes.leaves]
    for step in (128, 64, 32, 16, 8, 4, 2, 1):
        reached = np.count_nonzero(births >= step)
        low, high = extents[:reached, :-step], extents[:reached, step:]
        np.minimum(low, high, out=low)
    _merge(extents, nodes, np.minimum)
    return extents


def _areas(gray: np.ndarray, labels: np.ndarray, nodes: _Nodes) -> np.ndarray:
    """Twice the area of each node's cells among pixels of at least each value, (N, 256) int64.

    A cell has a pixel at each corner. With three of them above a level it adds a triangle, with
    all four a square. The cell is its upper left pixel's basin's: one of the upper two is among
    those above, and where the two are not of one run the left one is the higher.
    """
    one, two = gray[:-1, :-1], gray[1:, 1:]
    three, four = gray[:-1, 1:], gray[1:, :-1]
    low, high = np.minimum, np.maximum
    first, second = low(one, two), low(three, four)
    lowest = low(first, second)
    next_lowest = low(high(first, second), low(high(one, two), high(three, four)))
    index = labels[:-1, :-1].astype(np.intp) * _VALUES + np.stack([lowest, next_lowest])
    count = nodes.leaves
    cells = np.bincount(index.ravel(), minlength=count * _VALUES).reshape(count, _VALUES)
    areas = np.empty((len(nodes.births), _VALUES), np.int64)
    areas[:count] = cells[:, ::-1].cumsum(axis=1)[:, ::-1]
    _merge(areas, nodes, np.add)
    return areas


def _merge(table: np.ndarray, nodes: _Nodes, merge: np.ufunc) -> None:
    """Fill the rows of the nodes that joined from those of their children."""
    rows = list(table.reshape(len(table), -1))
    for row, (a, b) in zip(rows[nodes.leaves :], nodes.children):
        merge(rows[a], rows[b], out=row)
