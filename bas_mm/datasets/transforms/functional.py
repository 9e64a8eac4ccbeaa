"""Boxes under the geometry of pictures: plain float64 arithmetic on arrays.

A box is x0, y0, x1, y1 with both corners inside it, in pixels counted from 0. Boxes stay float64
until :func:`boxes_to_view`; the order of the operations is part of Protocol A, because it decides
which side of an integer a corner falls on when it is truncated.
"""

from __future__ import annotations

import numpy as np

__all__ = ['boxes_to_view', 'crop_offset', 'flip_boxes', 'resize_boxes', 'shift_boxes']


def resize_boxes(
    boxes: np.ndarray, old_size: tuple[int, int], new_size: tuple[int, int]
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


def shift_boxes(boxes: np.ndarray, left: int, top: int) -> np.ndarray:
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


def flip_boxes(boxes: np.ndarray, width: int) -> np.ndarray:
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


def boxes_to_view(boxes: np.ndarray, width: int, height: int) -> np.ndarray:
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


def crop_offset(length: int, crop: int) -> int:
    """First row or column of a centre crop, rounded as torchvision does.

    Args:
        length: Height or width of the picture, at least ``crop``.
        crop: Height or width of the crop.
    """
    return int(round((length - crop) / 2.0))
