"""Boxes under the geometry of pictures: plain float64 arithmetic on arrays.

A box is x0, y0, x1, y1 with both corners inside it, in pixels counted from 0. Boxes stay float64
until :func:`boxes_to_view`; the order of the operations is part of Protocol A, because it decides
which side of an integer a corner falls on when it is truncated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    'box_in_picture',
    'boxes_from_original',
    'boxes_to_original',
    'boxes_to_view',
    'crop_offset',
    'crop_view_box',
    'flip_boxes',
    'resize_boxes',
    'shift_boxes',
]


def resize_boxes(
    boxes: ArrayLike, old_size: tuple[int, int], new_size: tuple[int, int]
) -> np.ndarray:
    """Scale boxes with their picture.

    ``box * new / old``, multiplied first: ``x * (new / old)`` may fall one unit in the last place
    short of a whole number, and truncation then takes a whole pixel away.

    Args:
        boxes: (n, 4) boxes in the old picture.
        old_size: Width and height of the old picture in pixels.
        new_size: Width and height of the new one.

    Returns:
        (n, 4) float64.
    """
    new = np.array(new_size * 2, dtype=np.float64)
    old = np.array(old_size * 2, dtype=np.float64)
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4) * new / old


def shift_boxes(boxes: ArrayLike, left: int, top: int) -> np.ndarray:
    """Move boxes into a crop whose upper left corner is at (left, top). Nothing is cut off.

    Args:
        boxes: (n, 4) boxes in the picture.
        left: First column of the crop.
        top: First row of the crop.

    Returns:
        (n, 4) float64 in the crop's pixels; corners may lie outside of it.
    """
    offset = np.array([left, top, left, top], dtype=np.float64)
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4) - offset


def flip_boxes(boxes: ArrayLike, width: int) -> np.ndarray:
    """Mirror boxes left to right. Corners are pixels: column x goes to width - 1 - x.

    Args:
        boxes: (n, 4) boxes in the picture.
        width: Width of the picture in pixels.

    Returns:
        (n, 4) float64.
    """
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    flipped = boxes.copy()
    flipped[:, 0] = width - 1 - boxes[:, 2]
    flipped[:, 2] = width - 1 - boxes[:, 0]
    return flipped


def boxes_to_view(boxes: ArrayLike, width: int, height: int) -> np.ndarray:
    """Clamp boxes to the view and truncate them: the end of Protocol A's first step.

    Args:
        boxes: (n, 4) boxes in the view's pixels.
        width: Width of the view.
        height: Height of the view.

    Returns:
        (n, 4) int64 in [0, width - 1] x [0, height - 1].
    """
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    limit = np.array([width - 1, height - 1] * 2, dtype=np.float64)
    return np.clip(boxes, 0, limit).astype(np.int64)


def boxes_to_original(
    boxes: ArrayLike, view_box: Sequence[float], view_size: tuple[int, int]
) -> np.ndarray:
    """Bring boxes of the view back to the original picture: resizes, crops and mirrors undone.

    A corner is a place here, not a pixel: column x begins at x and ends at x + 1, so that a box
    from its first column to *one past* its last one, as Protocol A predicts it, covers these
    columns and no more, in the view and in the original.

    Args:
        boxes: (n, 4) boxes in the view, x1 and y1 one past the last column and row.
        view_box: Where the view lies in the original picture, x0, y0, x1, y1 in its pixels;
            x0 > x1 where it is mirrored. Data samples have it as ``view_box``.
        view_size: Width and height of the view.

    Returns:
        (n, 4) float64 in pixels of the original picture, not clipped to it, not rounded.

    Examples:
        >>> # 500 x 400 pixels, resized to 256 x 256, of which the middle 224 x 224 are the view
        >>> boxes_to_original([[0, 0, 224, 112]], (31.25, 25, 468.75, 375), (224, 224))
        array([[ 31.25,  25.  , 468.75, 200.  ]])
    """
    return _ordered(_corners_to_original(boxes, view_box, view_size))


def box_in_picture(
    box: ArrayLike,
    view_box: Sequence[float],
    view_size: tuple[int, int],
    size: tuple[int, int],
) -> tuple[float, float, float, float]:
    """Bring a predicted box back to its picture: :func:`boxes_to_original`, clipped to it.

    Args:
        box: x0, y0, x1, y1 in the view, x1 and y1 one past the last column and row.
        view_box: See :func:`boxes_to_original`.
        view_size: Width and height of the view.
        size: Width and height of the picture.

    Returns:
        x0, y0, x1, y1 in pixels of the picture, x in [0, width] and y in [0, height], not rounded;
        without an area where the box lies beside the picture.

    Examples:
        >>> box_in_picture([0, 0, 3, 1], (0, 0, 1.1, 1.1), (3, 3), (1, 1))
        (0.0, 0.0, 1.0, 0.3666666666666667)
    """
    ((x0, y0, x1, y1),) = boxes_to_original(box, view_box, view_size).tolist()
    width, height = map(float, size)
    # Where the view is all of the picture, its end may come back one unit in the last place
    # behind the picture's; and what lies in a padded view's border is none of the picture.
    x0, x1 = (min(max(x, 0.0), width) for x in (x0, x1))
    y0, y1 = (min(max(y, 0.0), height) for y in (y0, y1))
    return x0, y0, x1, y1


def boxes_from_original(
    boxes: ArrayLike, view_box: Sequence[float], view_size: tuple[int, int]
) -> np.ndarray:
    """Bring boxes of the original picture to the view: :func:`boxes_to_original` undone.

    Ground truth takes another way, for its order of operations and its truncation are Protocol A's:
    see :func:`resize_boxes`, :func:`shift_boxes` and :func:`boxes_to_view`.

    Args:
        boxes: (n, 4) boxes in the original picture, x1 and y1 one past the last column and row.
        view_box: See :func:`boxes_to_original`.
        view_size: Width and height of the view.

    Returns:
        (n, 4) float64 in pixels of the view, not clipped to it, not rounded.
    """
    size = np.array(view_size, dtype=np.float64)
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2)
    first, last = np.array(view_box, dtype=np.float64).reshape(2, 2)
    return _ordered((corners - first) * size / (last - first))


def crop_view_box(
    view_box: Sequence[float] | None, view_size: tuple[int, int], crop: Sequence[float]
) -> tuple[float, ...]:
    """Where a crop of the view lies in the original picture.

    Args:
        view_box: Where the view lies in it; None: it is the picture.
        view_size: Width and height of the view.
        crop: x0, y0, x1, y1 of the crop in the view, x1 and y1 one past the end; x0 > x1 mirrors.

    Returns:
        Its x0, y0, x1, y1; x0 > x1 where it is mirrored.
    """
    if view_box is None:
        view_box = (0, 0, *view_size)
    return tuple(_corners_to_original(crop, view_box, view_size).ravel().tolist())


def _corners_to_original(
    boxes: ArrayLike, view_box: Sequence[float], view_size: tuple[int, int]
) -> np.ndarray:
    size = np.array(view_size, dtype=np.float64)
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2)
    first, last = np.array(view_box, dtype=np.float64).reshape(2, 2)
    return first + corners * (last - first) / size


def _ordered(corners: np.ndarray) -> np.ndarray:
    """(n, 2, 2) corners as boxes: of a mirrored box the right corner comes first."""
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)


def crop_offset(length: int, crop: int) -> int:
    """First row or column of a centre crop, rounded as torchvision does.

    Args:
        length: Height or width of the picture, at least ``crop``.
        crop: Height or width of the crop.
    """
    return int(round((length - crop) / 2.0))
