"""Boxes around the contours of a grey picture, at many levels at once (Protocol B)."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

__all__ = ['LevelBoxes', 'level_boxes']


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


def level_boxes(gray: np.ndarray, levels: np.ndarray) -> LevelBoxes:
    """Boxes around the contours of ``gray > level`` for each of several levels.

    What ``cv2.findContours(RETR_TREE, CHAIN_APPROX_SIMPLE)`` and ``cv2.boundingRect`` give (spec
    metrics.md, Protocol B, step 2), the contours of holes too: x1 and y1 are one past the last
    column and row, but at most the last ones of the picture.

    Args:
        gray (np.ndarray): Shape (H, W), uint8.
        levels (np.ndarray): Shape (L,), L >= 1, integers from 0 to below ``gray.max()``.

    Returns:
        LevelBoxes: The boxes, where each level's begin, and which is the largest.

    Raises:
        ValueError: If ``gray`` is not (H, W) of uint8, or no pixel is above one of the levels.

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
    found, corners = _search(gray, levels)
    counts = np.fromiter(map(len, found), np.int64, len(found))
    starts = np.cumsum(counts) - counts
    contours = [contour for level in found for contour in level]
    low, high = _extents(contours)
    largest = _largest(contours, high - low, counts, starts)
    boxes = np.concatenate([low, high + 1], axis=1)
    boxes += np.repeat(corners, counts, axis=0)
    np.minimum(boxes[:, 2:], (gray.shape[1] - 1, gray.shape[0] - 1), out=boxes[:, 2:])
    return LevelBoxes(boxes, starts, largest)


def _search(gray: np.ndarray, levels: np.ndarray) -> tuple[list[Sequence[np.ndarray]], np.ndarray]:
    """Contours at each level, relative to the corner (x, y, x, y), (L, 4), of what is above it.

    cv2 surrounds what it is given with empty pixels, so that a search in the part of the picture
    that has all pixels above the level finds the same contours in the same order.
    """
    columns = gray.max(axis=0) > levels.astype(np.uint8)[:, None]
    rows = gray.max(axis=1) > levels.astype(np.uint8)[:, None]
    left, top = columns.argmax(axis=1), rows.argmax(axis=1)
    right = gray.shape[1] - columns[:, ::-1].argmax(axis=1)
    bottom = gray.shape[0] - rows[:, ::-1].argmax(axis=1)
    threshold, find = cv2.threshold, cv2.findContours
    kind, mode, chain = cv2.THRESH_BINARY, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE
    found = []
    for level, x0, y0, x1, y1 in zip(
        *(values.tolist() for values in (levels, left, top, right, bottom))
    ):
        _, binary = threshold(gray[y0:y1, x0:x1], level, 255, kind)
        found.append(find(binary, mode, chain)[0])
    return found, np.stack([left, top, left, top], axis=1)


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
    if len(contours) == len(counts):
        return starts
    bounds = extents.prod(axis=1)
    level = np.repeat(np.arange(len(counts)), counts)
    widest = _first_of_largest(bounds, level, starts)
    areas = np.full(len(contours), -1.0)
    alone = counts == 1
    areas[starts[alone]] = 0
    for index in widest[~alone].tolist():
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
