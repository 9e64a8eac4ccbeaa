"""Boxes around the contours of a grey picture, at all its levels at once (Protocol B)."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from .component_tree import FINE_BITS, LevelComponents, level_components

__all__ = ['ContourBoxes', 'LevelBoxes', 'contour_boxes', 'level_boxes']

_FINE = 1 << FINE_BITS


class ContourBoxes(NamedTuple):
    """Boxes of all contours of one binary picture.

    Attributes:
        boxes (np.ndarray): Shape (K, 4), int64, x0, y0, x1, y1, in cv2's order of contours.
        largest (int): Which contour has the largest ``cv2.contourArea``, on a tie the first.
    """

    boxes: np.ndarray
    largest: int


class LevelBoxes(NamedTuple):
    """Boxes of all contours at each level from 0 to below the greatest grey value, L of them.

    Attributes:
        boxes (np.ndarray): Shape (K, 4), int64, x0, y0, x1, y1, in no particular order.
        levels (np.ndarray): Shape (K,), int64: the level of each box; every level has one.
        largest (np.ndarray): Shape (L, 4), int64: of each level the box of the contour with the
            largest ``cv2.contourArea``, on a tie of the first in cv2's order.
    """

    boxes: np.ndarray
    levels: np.ndarray
    largest: np.ndarray


def contour_boxes(binary: np.ndarray) -> ContourBoxes:
    """Boxes around the contours of one binary picture (spec metrics.md, Protocol B, step 2).

    ``cv2.findContours(RETR_TREE, CHAIN_APPROX_SIMPLE)`` and ``cv2.boundingRect``, the contours of
    holes too: x1 and y1 are one past the last column and row, but at most the last ones of the
    picture.

    Args:
        binary (np.ndarray): Shape (H, W), uint8, with a pixel other than 0.

    Returns:
        ContourBoxes: The boxes, and which is the largest contour's.

    Raises:
        ValueError: If all pixels are 0.

    Examples:
        >>> import numpy as np
        >>> binary = np.zeros((6, 8), np.uint8)
        >>> binary[1:3, 2:5] = binary[5, 7] = 1
        >>> contour_boxes(binary)
        ContourBoxes(boxes=array([[7, 5, 7, 5],
               [2, 1, 5, 3]]), largest=1)
    """
    contours, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        raise ValueError('all pixels of the picture are 0: there is no contour')
    areas = [cv2.contourArea(contour) for contour in contours]
    return ContourBoxes(_boxes(contours, binary.shape), areas.index(max(areas)))


def level_boxes(values: np.ndarray) -> LevelBoxes:
    """Boxes around the contours of ``gray > level`` at all levels, where gray is uint8(values).

    The same boxes as :func:`contour_boxes` finds at each level, but without a search: an outer
    contour surrounds a component of 8 neighbours, the contour of a hole runs on the pixels around
    a component of 4 neighbours of what is not above the level, and these components follow from
    one pass each (:func:`level_components`). Only where they do not tell the largest contour is
    it searched for.

    Args:
        values (np.ndarray): Shape (H, W), H, W <= 2**16, float64 in [0, 256), at least one of them
            1 or greater. What is behind the point makes it faster and changes nothing else.

    Returns:
        LevelBoxes: The boxes, their levels, and of each level that of the largest contour.

    Raises:
        ValueError: If the values are not (H, W), out of range, or all of them below 1.

    Examples:
        >>> import numpy as np
        >>> values = np.zeros((6, 8))
        >>> values[1:3, 2:5] = 3
        >>> values[5, 7] = 1
        >>> found = level_boxes(values)
        >>> sorted(found.levels.tolist())
        [0, 0, 1, 2]
        >>> found.largest
        array([[2, 1, 5, 3],
               [2, 1, 5, 3],
               [2, 1, 5, 3]])
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.size == 0 or max(values.shape) > 2**16:
        raise ValueError(f'values must be (H, W), 1 <= H, W <= {2**16}, got {values.shape}')
    if not (values.min() >= 0 and 1 <= values.max() < 256):  # NaN fails here too
        raise ValueError('values must lie in [0, 256), and not all of them below 1')
    _keep_pages()
    fine = (values * _FINE).astype(np.int16)
    objects = level_components(fine, diagonal=True, areas=True)
    # What is not above a level l is above 254 - l upside down.
    below = level_components(256 * _FINE - 1 - fine, diagonal=False, enclosed=True)
    count = int(objects.levels.max()) + 1
    hole_levels = 254 - below.levels
    hole_boxes = below.boxes + (-1, -1, 1, 1)
    # Above the first row of a hole is the component around it.
    around = below.topmost - fine.shape[1]
    around = objects.places[objects.labels.ravel()[around], hole_levels + 1]
    index, is_sure = _largest(objects, around, hole_boxes, count)
    boxes = _one_past(objects.boxes, fine.shape)
    largest = boxes[index]
    if not is_sure.all():
        levels = np.flatnonzero(~is_sure)
        largest[levels] = _search((fine >> FINE_BITS).astype(np.uint8), levels)
    return LevelBoxes(
        np.concatenate([boxes, _one_past(hole_boxes, fine.shape)]),
        np.concatenate([objects.levels, hole_levels]),
        largest,
    )


def _search(gray: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Box of the largest contour at each of some ascending levels, (S, 4)."""
    # Two levels without a value between them have the same binary picture.
    present = np.bincount(gray.ravel(), minlength=256) > 0
    _, first, same = np.unique(present.cumsum()[levels], return_index=True, return_inverse=True)
    boxes = np.zeros((len(first), 4), np.int64)
    for row, level in enumerate(levels[first].tolist()):
        binary = (gray > level).view(np.uint8)
        contours, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
        boxes[row] = _boxes([max(contours, key=cv2.contourArea)], gray.shape)
    return boxes[same]


def _largest(
    objects: LevelComponents, around: np.ndarray, hole_boxes: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Index of the component of each level with the largest area, (L,), and where that is sure.

    What a contour encloses is its component and its holes, with all that is in them. So its area
    lies between that of the component's cells and what its box, or its holes' boxes, add to it at
    most. A hole's contour encloses less than the outer one around it unless the component has no
    cells.
    """
    levels, areas = objects.levels, objects.areas
    room = np.zeros(len(levels), np.int64)
    np.add.at(room, around, _twice_inside(hole_boxes))
    most = np.minimum(_twice_inside(objects.boxes), areas + room)
    best = np.zeros(count, np.int64)
    np.maximum.at(best, levels, areas)
    index = np.zeros(count, np.int64)
    candidates = np.flatnonzero(areas == best[levels])
    index[levels[candidates]] = candidates
    rivals = np.bincount(levels[most >= best[levels]], minlength=count)
    return index, (rivals == 1) & ((best > 0) | (room[index] == 0))


def _twice_inside(boxes: np.ndarray) -> np.ndarray:
    """Twice the greatest area that a contour in each box, both corners inside, can enclose."""
    return 2 * (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _boxes(contours: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Box around each contour, (K, 4)."""
    boxes = np.array([cv2.boundingRect(contour) for contour in contours], dtype=np.int64)
    boxes[:, 2:] += boxes[:, :2] - 1
    return _one_past(boxes, shape)


def _one_past(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """x1, y1 one past the last pixel, but in the picture."""
    height, width = shape
    return np.minimum(boxes + (0, 0, 1, 1), (width - 1, height - 1) * 2)


@cache
def _keep_pages() -> None:
    """Let this process keep the memory of a picture's arrays for the next picture.

    The GNU C library returns freed memory to the system beyond twice the largest block that was
    freed so far, and a page that is taken again costs more than the work on it. This block, which
    is never touched, lifts the limit above what a picture takes.
    """
    np.empty(1 << 22, np.uint8)
