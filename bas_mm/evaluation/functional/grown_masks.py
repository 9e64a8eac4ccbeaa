"""The mask of an object, shrunk and grown to a given area."""

from collections.abc import Sequence

import cv2
import numpy as np

__all__ = ['grown_masks']


def grown_masks(
    mask: np.ndarray, ratios: Sequence[float], core: tuple[int, int] | None = None
) -> np.ndarray:
    """Shrink or grow a mask until it has a given share of its area.

    Pixels are ordered by Euclidean distances: those of the mask by that to its border, the
    innermost first, or, with a core, by that to the core, the nearest first; then all others by
    that to the mask, the nearest first; on a tie in raster order. The mask of ratio r is the
    first ``round(r * area)`` of them: for r < 1 an erosion (or the part around the core), for 1
    the mask itself, for r > 1 a dilation, with discs, to the pixel. So each mask lies in the next
    greater one. What is beyond the picture counts as background: an object that the picture cuts
    off is eroded from there too.

    Args:
        mask (np.ndarray): Shape (H, W), bool, not empty.
        ratios (Sequence[float]): R ratios of areas, above 0. A mask has at least one pixel, and at
            most all of the picture's.
        core (tuple[int, int], optional): Row and column that the mask grows from. Defaults to
            None: from its inside.

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
    pixels = (mask != 0).astype(np.uint8)
    distances = _distances(1 - pixels)
    if core is None:
        within = -_distances(np.pad(pixels, 1))[1:-1, 1:-1]
    else:
        rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
        within = np.hypot(rows - core[0], columns - core[1])
        within -= within.max() + 1
    order = np.where(pixels, within, distances).ravel().argsort(kind='stable')
    ranks = np.empty(mask.size, dtype=np.int64)
    ranks[order] = np.arange(mask.size)
    counts = np.clip(np.rint(ratios * np.count_nonzero(mask)), 1, mask.size)
    return (ranks < counts[:, None]).reshape(-1, *mask.shape)


def _distances(pixels: np.ndarray) -> np.ndarray:
    """Distance of each pixel other than 0 to the nearest one that is 0; 0 there."""
    return cv2.distanceTransform(pixels, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
