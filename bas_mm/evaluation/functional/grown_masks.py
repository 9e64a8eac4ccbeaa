"""The mask of an object, shrunk and grown to a given area."""

from collections.abc import Sequence

import cv2
import numpy as np

__all__ = ['grown_masks']


def grown_masks(mask: np.ndarray, ratios: Sequence[float]) -> np.ndarray:
    """Erode or dilate a mask until it has a given share of its area.

    Pixels are ordered by their Euclidean distance to the mask's border: the innermost first, then
    outwards, then those around it, the nearest first; on a tie in raster order. The mask of ratio
    r is the first ``round(r * area)`` of them: for r < 1 an erosion, for 1 the mask, for r > 1 a
    dilation, with a disc, to the pixel. So each mask lies in the next greater one. What is beyond
    the picture counts as background: an object that the picture cuts off shrinks from there too.

    Args:
        mask (np.ndarray): Shape (H, W), bool, not empty.
        ratios (Sequence[float]): R ratios of areas, above 0. A mask has at least one pixel, and at
            most all of the picture's.

    Returns:
        np.ndarray: Shape (R, H, W), bool.

    Raises:
        ValueError: If the mask is not two-dimensional or empty, or a ratio is not above 0.

    Examples:
        >>> mask = np.zeros((5, 5), bool)
        >>> mask[1:4, 1:4] = True
        >>> grown_masks(mask, [1 / 9, 1, 100]).sum(axis=(1, 2))
        array([ 1,  9, 25])
    """
    mask = np.asarray(mask)
    if mask.ndim != 2 or not mask.any():
        raise ValueError('a mask has the shape (H, W) and at least one pixel of the object')
    ratios = np.asarray(ratios, dtype=np.float64)
    if not (ratios > 0).all():  # NaN fails here too
        raise ValueError(f'ratios of areas must be above 0, got {ratios.tolist()}')
    padded = np.pad(mask != 0, 1).astype(np.uint8)
    inside, outside = (
        cv2.distanceTransform(pixels, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
        for pixels in (padded, 1 - padded)
    )
    order = (outside - inside).ravel().argsort(kind='stable')
    ranks = np.empty(mask.size, dtype=np.int64)
    ranks[order] = np.arange(mask.size)
    counts = np.clip(np.rint(ratios * np.count_nonzero(mask)), 1, mask.size)
    return (ranks < counts[:, None]).reshape(-1, *mask.shape)
