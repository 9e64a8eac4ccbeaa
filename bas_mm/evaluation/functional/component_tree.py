"""Boxes of a picture's connected components above all levels, from one pass over its pixels."""

from typing import NamedTuple

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
        levels (np.ndarray): Shape (K,), int64: the level of each component.
        boxes (np.ndarray): Shape (K, 4), int64: x0, y0, x1, y1, both corners inside.
        areas (np.ndarray): Shape (K,), int64: twice the area of the triangles and squares of
            neighbouring pixels that belong to it; empty where areas were not asked for.
        topmost (np.ndarray): Shape (K,), int64: the flat index of a pixel in its first row.
        labels (np.ndarray): Shape (H, W), integers: a pixel above level l is one of component
            ``places[label, l + 1]``.
        places (np.ndarray): Shape (N + 1, 256), int32: the component of each of N labels above
            each level; K for none.
    """

    levels: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    topmost: np.ndarray
    labels: np.ndarray
    places: np.ndarray


class _Runs(NamedTuple):
    """Runs of neighbours in a row that rise to one top and fall again, each (R,).

    In raster order, and every pixel is in one. The lowest pixel between two tops begins a run.
    """

    starts: np.ndarray  # flat index of the first pixel
    tops: np.ndarray  # flat index of the top
    greatest: np.ndarray  # uint8: grey of the top
    basins: np.ndarray  # what basin it belongs to


class _Passes(NamedTuple):
    """Neighbours of two basins, each (P,)."""

    first: np.ndarray  # a basin
    second: np.ndarray  # the other one
    heights: np.ndarray  # uint8: below this level they are joined here


class _Lives(NamedTuple):
    """What each basin is from its birth, the grey of its maximum, down to its death.

    At each level of its life it is a component, together with those that died into it before.
    There are K components: by basins, and those of each one from the birth down. K is for none.
    """

    levels: np.ndarray  # (K,)
    owners: np.ndarray  # (K,): which one's life it is, of the M basins that live for any level
    firsts: np.ndarray  # (M,): the component just after each one's birth
    heirs: np.ndarray  # (K + 1,): the component that the owner joins at its death
    places: np.ndarray  # (N + 1, 256): the component of each basin's pixels of at least a value


def level_components(
    fine: np.ndarray, *, diagonal: bool, enclosed: bool = False, areas: bool = False
) -> LevelComponents:
    """All connected components of ``gray > level`` at all levels at once.

    From every pixel a way up, always on to a greater neighbour, ends at a local maximum; the
    pixels with the same end are its basin. Those of a basin that are above a level hang together,
    by their ways up. So a component is what some basins have above the level, and which ones is
    told by the passes between neighbouring basins, joined from the highest down (Kruskal's
    algorithm). Of two that join, the one with the higher maximum lives on. What is left is
    arithmetic on as many entries as there are components.

    Args:
        fine (np.ndarray): Shape (H, W), H, W <= 2**16, int16 (or wider) in [0, 2**15):
            ``gray`` with :data:`FINE_BITS` bits behind the point. These spare basins and change
            nothing else.
        diagonal (bool): Whether pixels that touch at a corner hang together (8 neighbours), or
            those alone that share a side (4).
        enclosed (bool): Whether components that touch the border of the picture are left out.
        areas (bool): Whether areas are computed.

    Returns:
        LevelComponents: In no particular order.
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
    deaths, elders = _join(len(births), _highest(passes, len(births) + enclosed))
    lives = _lives(births, deaths, elders)
    x0, first, x1, last = _extents(own_columns, own_rows, lives)
    width = gray.shape[1]
    return LevelComponents(
        lives.levels,
        np.stack([x0, first // width, x1, last // width], axis=1),
        _areas(gray, labels, lives) if areas else np.zeros(0, np.int64),
        first,
        labels,
        lives.places,
    )


def _basins(fine: np.ndarray, diagonal: bool) -> tuple[_Runs, np.ndarray]:
    """Runs of all rows, and the grey of the maximum of each basin, (n,), ascending.

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
    y = tops // width
    x = tops - y * width
    rows = np.maximum(y - 1, 0) * width, np.minimum(y + 1, height - 1) * width
    columns = (np.maximum(x - 1, 0), x, np.minimum(x + 1, width - 1)) if diagonal else (x,)
    near = np.stack([tops, *(row + column for row in rows for column in columns)])
    flat = fine.ravel()
    # The index of the pixel as the last bits tells equal ones apart, and where the greatest is.
    bits = fine.size.bit_length()
    best = ((flat.take(near).astype(np.int64) << bits) + near).max(axis=0) & ((1 << bits) - 1)
    ahead = np.searchsorted(starts, best, side='right') - 1
    number = np.arange(len(starts))
    maxima = np.flatnonzero(ahead == number)
    # Each round doubles how far ahead every run looks.
    while not np.array_equal(ahead, further := ahead.take(ahead)):
        ahead = further
    greatest = (flat.take(tops) >> FINE_BITS).astype(np.uint8)
    maxima = maxima[np.argsort(greatest[maxima], kind='stable')]
    number[maxima] = np.arange(len(maxima))
    return _Runs(starts, tops, greatest, number.take(ahead)), greatest[maxima]


def _row_passes(gray: np.ndarray, runs: _Runs) -> tuple[_Passes, tuple[np.ndarray, ...]]:
    """Passes between neighbours of a row; and the tops of all rows, (R,) each.

    The latter as the flat index ``basin * 256 + value`` and the pixel. Of what a component has in
    a row, one is in it.
    """
    width = gray.shape[1]
    behind = np.flatnonzero(runs.starts // width * width != runs.starts)
    # A run's first pixel is lower than the last one of the run before.
    heights = gray.ravel()[runs.starts[behind]]
    passes = _Passes(runs.basins[behind - 1], runs.basins[behind], heights)
    return passes, (runs.basins * _VALUES + runs.greatest, runs.tops)


def _column_passes(gray: np.ndarray, labels: np.ndarray) -> tuple[_Passes, tuple[np.ndarray, ...]]:
    """The same of columns, with the column in the place of the pixel."""
    width = gray.shape[1]
    falls = gray[:-1] > gray[1:]
    is_top = np.ones(gray.shape, bool)
    is_top[:-1] = falls
    np.greater(is_top[1:], falls, out=is_top[1:])
    tops = np.flatnonzero(is_top)
    first = np.flatnonzero(labels[:-1] != labels[1:])
    second = first + width
    gray, labels = gray.ravel(), labels.ravel()
    passes = _Passes(labels[first], labels[second], np.minimum(gray[first], gray[second]))
    index = labels[tops].astype(np.intp) * _VALUES + gray[tops]
    return passes, (index, tops - tops // width * width)


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


def _join(count: int, passes: _Passes) -> tuple[list[int], list[int]]:
    """Join ``count`` basins, and what is outside, at their passes, from the highest down.

    Where two meet, the one with the lower maximum, which has the smaller number, dies. What is
    left in the end dies at level 0.

    Returns:
        tuple[list[int], list[int]]: The level at which each dies, (N,), and the older one that
        it then belongs to, (N,); ``count`` for the outside.
    """
    deaths = [0] * count
    elders = [count] * count
    above = list(range(count + 1))
    for a, b, height in zip(*(column.tolist() for column in passes)):
        while above[a] != a:
            above[a] = a = above[above[a]]
        while above[b] != b:
            above[b] = b = above[above[b]]
        if a == b:
            continue
        if a > b:
            a, b = b, a
        above[a] = elders[a] = b
        deaths[a] = height
    return deaths, elders


def _lives(births: np.ndarray, deaths: list[int], elders: list[int]) -> _Lives:
    """Number the components."""
    died = np.array(deaths)
    spans = births - died
    ends = spans.cumsum()
    count = int(ends[-1])
    bottoms = ends + died  # where a basin's value of 0 would be, if its life went on
    places = np.subtract.outer(np.append(bottoms, 0), np.arange(_VALUES), dtype=np.int32)
    places[-1] = count
    rows = list(places)
    # Elders, whose numbers are greater, come first.
    for row, elder, end in zip(rows[-2::-1], elders[::-1], (died[::-1] + 1).tolist()):
        row[:end] = rows[elder][:end]
    alive = np.flatnonzero(spans)
    owners = np.repeat(np.arange(len(alive)), spans[alive])
    levels = bottoms[alive][owners] - 1 - np.arange(count)
    heirs = np.append(places[alive, died[alive]][owners], count)
    return _Lives(levels, owners, (ends - spans)[alive], heirs, places)


def _extents(
    columns: tuple[np.ndarray, ...], rows: tuple[np.ndarray, ...], lives: _Lives
) -> np.ndarray:
    """Least column, least pixel, greatest column and greatest pixel of each component, (4, K).

    Pixels are flat indices: the least is in the first row, the greatest in the last one.
    """
    far = int(max(columns[1].max(), rows[1].max())) + 1
    extents = np.full((4, len(lives.heirs)), far)
    for axis, (index, line) in enumerate((columns, rows)):
        places = lives.places.take(index)
        np.minimum.at(extents[axis], places, line)
        np.minimum.at(extents[axis + 2], places, -line)
    _inherit(extents, lives, np.minimum)
    # Carried on from birth to death. By their shifts the entries of a basin are smaller than all
    # of the basins before, which so count for nothing.
    shifts = 2 * far * lives.owners
    extents = np.minimum.accumulate(extents[:, :-1] - shifts, axis=1) + shifts
    extents[2:] *= -1
    return extents


def _areas(gray: np.ndarray, labels: np.ndarray, lives: _Lives) -> np.ndarray:
    """Twice the area of each component's cells, (K,) int64.

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
    index = np.multiply(labels[:-1, :-1], _VALUES, dtype=np.intp) + (lowest, next_lowest)
    cells = np.bincount(index.ravel())
    filled = np.flatnonzero(cells)
    areas = np.zeros((1, len(lives.heirs)), np.int64)
    np.add.at(areas[0], lives.places.take(filled), cells[filled])
    _inherit(areas, lives, np.add)
    sums = areas[0].cumsum()
    return sums[:-1] - (sums - areas[0])[lives.firsts][lives.owners]


def _inherit(tables: np.ndarray, lives: _Lives, merge: np.ufunc) -> None:
    """Merge what each basin has in its life, in (T, K + 1) tables, into its heirs and theirs."""
    own = merge.reduceat(tables[:, :-1], lives.firsts, axis=1)
    heirs = lives.heirs[lives.firsts]
    while (heirs < len(lives.owners)).any():
        for table, values in zip(tables, own):
            merge.at(table, heirs, values)
        heirs = lives.heirs[heirs]
