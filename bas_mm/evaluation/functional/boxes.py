"""Boxes in pixels."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['box_iou']


def box_iou(boxes_a: ArrayLike, boxes_b: ArrayLike) -> np.ndarray:
    """Intersection over union of every pair of boxes, counted in pixels.

    Both corners belong to the box: its width is ``x1 - x0 + 1``, its height likewise (spec
    metrics.md: in both protocols, also where a predicted x1 is one past the last column).

    Args:
        boxes_a (ArrayLike): Shape (n, 4), x0, y0, x1, y1.
        boxes_b (ArrayLike): Shape (m, 4), likewise.

    Returns:
        np.ndarray: Shape (n, m), float64, in [0, 1].

    Raises:
        ValueError: If either input is not of the shape (k, 4).

    Examples:
        >>> box_iou([[0, 0, 1, 1]], [[0, 0, 1, 1], [1, 1, 2, 2]]).round(3)
        array([[1.   , 0.143]])
    """
    a = np.asarray(boxes_a, dtype=np.float64)
    b = np.asarray(boxes_b, dtype=np.float64)
    for name, boxes in (('boxes_a', a), ('boxes_b', b)):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f'{name} must have the shape (n, 4), got {boxes.shape}')
    ax0, ay0, ax1, ay1 = a.T[:, :, None]
    bx0, by0, bx1, by1 = b.T[:, None]
    width = np.maximum(np.minimum(ax1, bx1) - np.maximum(ax0, bx0) + 1, 0)
    height = np.maximum(np.minimum(ay1, by1) - np.maximum(ay0, by0) + 1, 0)
    inter = width * height
    areas = (ax1 - ax0 + 1) * (ay1 - ay0 + 1) + (bx1 - bx0 + 1) * (by1 - by0 + 1)
    return inter / (areas - inter)
