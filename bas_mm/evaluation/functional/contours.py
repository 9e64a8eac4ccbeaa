"""Boxes around the contours of a grey picture, at many levels at once (Protocol B)."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

__all__ = ['LevelBoxes', 'level_boxes']

_EIGHT_NEIGHBOURS = np.ones((3, 3), np.uint8)
_FOUR_NEIGHBOURS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


class LevelBoxes(NamedTuple):
    """Boxes of all contours at several levels, one level after the other.

    Attributes:
        boxes (np.ndarray): Shape (K, 4), int64, x0, y0, x1, y1; within a level in cv2's order of
            contours.
        starts (np.ndarray): Shape (L,), int64: where the boxes of each level begin; every level
            has at least one.
        largest (np.ndarray): Shape (L,), int64: which of the K boxes belongs to the contour of
            each level with the largest ``cv2.contourArea``, on a tie the first.
    """

    boxes: np.ndarray
    starts: np.ndarray
    largest: np.ndarray


def level_boxes(
    gray: np.ndarray, levels: np.ndarray, order: np.ndarray | None = None
) -> LevelBoxes:
    """Boxes around the contours of ``gray > level`` for each of several levels.

    What ``cv2.findContours(RETR_TREE, CHAIN_APPROX_SIMPLE)`` and ``cv2.boundingRect`` give (spec
    metrics.md, Protocol B, step 2), the contours of holes too: x1 and y1 are one past the last
    column and row, but at most the last ones of the picture.

    Args:
        gray (np.ndarray): Shape (H, W), uint8.
        levels (np.ndarray): Shape (L,), L >= 1, integers from 0 to below ``gray.max()``,
            ascending.
        order (np.ndarray, optional): Shape (H, W): what ``gray`` was rounded from. It makes the
            search faster and changes nothing else. Defaults to None: not known.

    Returns:
        LevelBoxes: The boxes, where each level's begin, and which is the largest.

    Raises:
        ValueError: If ``gray`` is not (H, W) of uint8, or levels are not ascending or one has no
            pixel above it.

    Examples:
        >>> import numpy as np
        >>> gray = np.zeros((6, 8), np.uint8)
        >>> gray[1:3, 2:5] = 9
        >>> gray[5, 7] = 4
        >>> found = level_boxes(gray, np.array([0, 5]))
        >>> found.boxes
        array([[7, 5, 7, 5],
               [2, 1, 5, 3],
               [2, 1, 5, 3]])
        >>> found.starts, found.largest
        (array([0, 2]), array([1, 2]))
    """
    gray = np.ascontiguousarray(gray)
    if gray.ndim != 2 or gray.size == 0 or gray.dtype != np.uint8:
        raise ValueError(f'gray must be (H, W) of uint8, got {gray.shape} of {gray.dtype}')
    levels = np.asarray(levels, dtype=np.int64)
    if levels.size == 0 or levels.min() < 0 or levels.max() >= gray.max():
        raise ValueError(f'levels must lie in [0, {gray.max()}), the greatest value of gray')
    if (np.diff(levels) < 0).any():
        raise ValueError('levels must be ascending')
    # Of each level the box x0, y0, x1, y1 of all its pixels, both corners inside.
    columns = gray.max(axis=0) > levels.astype(np.uint8)[:, None]
    rows = gray.max(axis=1) > levels.astype(np.uint8)[:, None]
    height, width = gray.shape
    whole = np.stack(
        [
            columns.argmax(axis=1),
            rows.argmax(axis=1),
            width - 1 - columns[:, ::-1].argmax(axis=1),
            height - 1 - rows[:, ::-1].argmax(axis=1),
        ],
        axis=1,
    )
    found, counts = _search(gray, levels, whole, _changes(gray, levels, order))
    starts = np.cumsum(counts) - counts
    # The box of a contour that is alone is that of all pixels; the others are measured.
    boxes = np.repeat(whole, counts, axis=0)
    largest = starts.copy()
    several = counts > 1
    if several.any():
        contours = [contour for level in found for contour in level]
        low, high = _extents(contours)
        index = np.flatnonzero(np.repeat(several, counts))
        own_counts = counts[several]
        own_starts = np.cumsum(own_counts) - own_counts
        largest[several] = index[_largest(contours, high - low, own_counts, own_starts)]
        corner = boxes[index, :2]
        boxes[index] = np.concatenate([low + corner, high + corner], axis=1)
    boxes[:, 2:] = np.minimum(boxes[:, 2:] + 1, (width - 1, height - 1))
    return LevelBoxes(boxes, starts, largest)


def _changes(gray: np.ndarray, levels: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    """Whether contours may come, go, join or split between a level and the one before it, (L,).

    Take pixels away from the highest value down and add them back: components of the object (8
    neighbours) come and join, its holes (4 neighbours) come or split, and are filled. A component
    that comes holds a local maximum, a hole that is filled a local minimum, and a maximum or
    minimum of ``order`` (ties included) has the value of that moment in ``gray``. Where there is
    neither, only joining components and new holes are left, and each of these lowers the Euler
    number, components minus holes. So the contours at two levels correspond one to one, each
    inside or outside of its counterpart, if between the levels there is no extremum and nothing
    added to the Euler number. That number is the sum over pixels, pairs, triangles and squares of
    neighbours, (-1)^dimension for each, and each joins at the least of its pixels' values.
    """
    changes = np.ones(len(levels), dtype=bool)
    if order is None or min(gray.shape) < 2 or gray.size > 2**24:
        return changes
    fine = np.ascontiguousarray(order, dtype=np.float32)
    highest = cv2.compare(fine, cv2.dilate(fine, _EIGHT_NEIGHBOURS), cv2.CMP_EQ)
    lowest = cv2.compare(fine, cv2.erode(fine, _FOUR_NEIGHBOURS), cv2.CMP_EQ)
    extrema = _histogram(gray, highest | lowest)

    least, most = np.minimum, np.maximum
    beside = least(gray[:, :-1], gray[:, 1:])
    below = least(gray[:-1], gray[1:])
    falling = gray[:-1, :-1], gray[1:, 1:]  # the diagonals of each square
    rising = gray[:-1, 1:], gray[1:, :-1]
    first, second = least(*falling), least(*rising)
    # Per square two diagonals, four triangles and a tetrahedron. With its values sorted, a <= b,
    # they add -(a + upper diagonal) + (3a + b) - a.
    upper = most(first, second)
    lowest_two = least(first, second), least(upper, least(most(*falling), most(*rising)))
    euler = _histogram(gray) - _histogram(beside) - _histogram(below) - _histogram(upper)
    euler += _histogram(lowest_two[0]) + _histogram(lowest_two[1])
    events = np.cumsum((extrema > 0) | (euler != 0))[levels]
    changes[1:] = np.diff(events) > 0
    return changes


def _histogram(values: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Number of pixels of each value of a uint8 picture, (256,) int64."""
    # cv2 counts in float32: exact up to 2**24 pixels.
    counts = cv2.calcHist([values], [0], mask, [256], [0, 256])
    return counts.ravel().astype(np.int64)


def _search(
    gray: np.ndarray, levels: np.ndarray, whole: np.ndarray, changes: np.ndarray
) -> tuple[list[Sequence[np.ndarray]], np.ndarray]:
    """Contours of the levels that have several, relative to the corner of ``whole``.

    Also the number of contours of each level, (L,). cv2 surrounds what it is given with empty
    pixels, so that a search in the part of the picture that has all pixels above the level finds
    the same contours in the same order.
    """
    threshold, find = cv2.threshold, cv2.findContours
    kind, mode, chain = cv2.THRESH_BINARY, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE
    found, counts, count = [], [], 0
    for level, (x0, y0, x1, y1), is_new in zip(levels.tolist(), whole.tolist(), changes.tolist()):
        if is_new or count != 1:
            _, binary = threshold(gray[y0 : y1 + 1, x0 : x1 + 1], level, 255, kind)
            contours, _ = find(binary, mode, chain)
            count = len(contours)
            if count > 1:
                found.append(contours)
        counts.append(count)
    return found, np.array(counts, dtype=np.int64)


def _extents(contours: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and greatest x, y of each contour, (K, 2) int64."""
    lengths = np.fromiter(map(len, contours), np.int64, len(contours))
    starts = np.cumsum(lengths) - lengths
    points = np.concatenate(contours)[:, 0]
    low = np.minimum.reduceat(points, starts)
    high = np.maximum.reduceat(points, starts)
    return low.astype(np.int64), high.astype(np.int64)


def _largest(
    contours: Sequence[np.ndarray], extents: np.ndarray, counts: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Index of the contour with the largest area at each level, the first on a tie.

    A contour's area is at most that of the rectangle through its outermost points. So few areas
    have to be computed: that of the contour with the largest rectangle, and of those whose
    rectangle is not smaller than that area.
    """
    bounds = extents.prod(axis=1)
    level = np.repeat(np.arange(len(counts)), counts)
    widest = _first_of_largest(bounds, level, starts)
    areas = np.full(len(contours), -1.0)
    for index in widest.tolist():
        areas[index] = cv2.contourArea(contours[index])
    rivals = (bounds >= areas[widest][level]) & (areas < 0)
    for index in np.flatnonzero(rivals).tolist():
        areas[index] = cv2.contourArea(contours[index])
    return _first_of_largest(areas, level, starts)


def _first_of_largest(values: np.ndarray, group: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Index of the first of the greatest values of each group of neighbours."""
    candidates = np.flatnonzero(values == np.maximum.reduceat(values, starts)[group])
    # The first candidate at or behind the start of a group is one of this group.
    return candidates[np.searchsorted(candidates, starts)]
