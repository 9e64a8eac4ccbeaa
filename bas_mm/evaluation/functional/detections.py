"""Detections as Protocol A counts them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bas_mm.utils.box_geometry import boxes_from_original

__all__ = ['detected_box']


def detected_box(
    boxes: ArrayLike, scores: ArrayLike, view_box: Sequence[float], view_size: tuple[int, int]
) -> np.ndarray:
    """The detection with the highest score, in the view of a model of localization maps.

    It is rounded to whole pixels, in which Protocol A predicts, and clamped to the view.

    Args:
        boxes (ArrayLike): Shape (n, 4), x0, y0, x1, y1 in pixels of the original picture, finite.
        scores (ArrayLike): Shape (n,), finite.
        view_box (Sequence[float]): Where the view lies in the original picture; see
            :func:`~bas_mm.utils.box_geometry.boxes_to_original`.
        view_size (tuple[int, int]): Height and width of the view.

    Returns:
        np.ndarray: Shape (1, 4), int64, x1, y1 one past the last; (0, 4) without any detection.

    Examples:
        >>> detected_box([[10, 20, 30, 40], [0, 0, 9, 9]], [0.9, 0.1], (0, 0, 50, 50), (100, 50))
        array([[10, 40, 30, 80]])
    """
    scores = np.asarray(scores)
    best = np.asarray(boxes)[scores.argmax()][None] if len(scores) else np.zeros((0, 4))
    height, width = view_size
    box = np.rint(boxes_from_original(best, view_box, (width, height)))
    return np.clip(box, 0, [width, height, width, height]).astype(np.int64)
