"""Connected components of thresholded maps."""

import cv2
import numpy as np

__all__ = ['largest_component_box']


def largest_component_box(view_map: np.ndarray, threshold: float) -> np.ndarray:
    """Box of the largest 8-connected component above a threshold (Protocol A, step 3).

    A pixel is above when it is strictly greater than the threshold in float32. The largest
    component is the one with the most pixels; on a tie the one whose first pixel comes first in
    raster order.

    Args:
        view_map (np.ndarray): Map at the size of the view, shape (H, W), float32.
        threshold (float): θ, in the units of the map.

    Returns:
        np.ndarray: ``[x0, y0, x1, y1]``, shape (4,), int64, in pixels of the view. x0, y0 are the
        component's first column and row, x1, y1 are **one past** the last ones. With no pixel
        above the threshold it is the whole picture, ``[0, 0, W, H]``.

    Examples:
        >>> import numpy as np
        >>> view = np.zeros((6, 8), np.float32)
        >>> view[1:3, 2:5] = 0.7
        >>> largest_component_box(view, 0.5)
        array([2, 1, 5, 3])
    """
    height, width = view_map.shape
    # NumPy 1 would compare a float32 array with a float64 scalar in float64: be explicit.
    binary = (view_map > np.float32(threshold)).view(np.uint8)
    # The block-based algorithm by Grana takes less than half of the time of OpenCV's default.
    count, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        binary, connectivity=8, ltype=cv2.CV_32S, ccltype=cv2.CCL_GRANA
    )
    if count == 1:  # label 0, what is not above, and nothing else
        return np.array([0, 0, width, height], dtype=np.int64)
    area = stats[1:, cv2.CC_STAT_AREA]
    largest = np.flatnonzero(area == area.max()) + 1
    if largest.size == 1:
        label = largest[0]
    else:
        # OpenCV labels 2x2 blocks, so that its order of labels is not the raster order of first
        # pixels. The first pixel lies in the smallest top row: that one row decides.
        tops = stats[largest, cv2.CC_STAT_TOP]
        row = labels[tops.min()]
        is_largest = np.zeros(count, dtype=bool)
        is_largest[largest] = True
        label = row[is_largest[row].argmax()]
    x, y, w, h = (
        int(stats[label, field])
        for field in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)
    )
    return np.array([x, y, x + w, y + h], dtype=np.int64)
