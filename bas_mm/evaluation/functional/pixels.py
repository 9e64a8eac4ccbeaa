"""Pixel metrics: how well a map tells an object's pixels from the others (spec metrics.md)."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from bas_mm.utils.byte_labels import IGNORED

__all__ = [
    'PIXEL_EDGES',
    'PixelCurve',
    'PixelFigures',
    'best_pixel_iou',
    'pixel_curve',
    'pixel_figures',
    'pixel_histograms',
    'view_mask',
]

#: Edges of the bins: 0, 0.001, ..., 0.999, 1, 2, 3; (1003,) float64.
PIXEL_EDGES = np.append(np.arange(0, 1, 0.001), [1.0, 2.0, 3.0])
PIXEL_EDGES.setflags(write=False)

# A bit more than 1000: the product with an edge, rounded, never falls short of the edge's number.
_BINS_PER_UNIT = np.nextafter(1000.0, np.inf)


class PixelFigures(NamedTuple):
    """Figures in percent.

    Attributes:
        pxap (float): Area under the precision-recall curve of pixels.
        piou (float): Best pixel IoU over all thresholds.
        piou_threshold (float): The threshold of that IoU: pixels with at least this value are
            the object. Of several the greatest.
    """

    pxap: float
    piou: float
    piou_threshold: float


class PixelCurve(NamedTuple):
    """Shares at each threshold, from the greatest to 0: pixels of at least it are the object.

    Attributes:
        thresholds (np.ndarray): Shape (1002,), float64, descending.
        precision (np.ndarray): Shape (1002,), float64, in [0, 1]; 0 where nothing is predicted.
        recall (np.ndarray): Shape (1002,), float64, in [0, 1], ascending.
        predicted (np.ndarray): Shape (1002,), int64: pixels of at least the threshold.
        iou (np.ndarray): Shape (1002,), float64, in [0, 1].
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    predicted: np.ndarray
    iou: np.ndarray


def view_mask(
    masks: Sequence[np.ndarray],
    ignore: np.ndarray | None = None,
    size: tuple[int, int] = (224, 224),
) -> np.ndarray:
    """Ground truth of one picture at the view: the union of its instances' masks.

    Args:
        masks (Sequence[np.ndarray]): Mask of each instance, (h, w), at least one; pixels other
            than 0 are the object. Sizes may differ.
        ignore (np.ndarray, optional): Regions to leave out, (h, w), pixels other than 0; those of
            the object count all the same. Defaults to None: no such region.
        size (tuple[int, int]): Height and width of the view, in pixels.

    Returns:
        np.ndarray: Shape ``size``, uint8: 0, 1 (object) and 255 (ignored).

    Raises:
        ValueError: If there is no mask, or one is not two-dimensional.

    Examples:
        >>> import numpy as np
        >>> view_mask([np.array([[1, 0], [0, 0]])], np.array([[255, 255], [0, 0]]), (2, 2))
        array([[  1, 255],
               [  0,   0]], dtype=uint8)
    """
    if not len(masks):
        raise ValueError('there is no mask')
    union = np.zeros(tuple(size), dtype=bool)
    for mask in masks:
        union |= _to_view(mask, size)
    result = union.astype(np.uint8)
    if ignore is not None:
        result[_to_view(ignore, size) & ~union] = IGNORED
    return result


def pixel_histograms(view: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Histograms of a map's values on the object and beside it.

    The same numbers as those of :func:`np.histogram` with the edges :data:`PIXEL_EDGES`: a value
    equal to an edge lies in the bin above it.

    Args:
        view (np.ndarray): Shape (H, W), in [0, 1]; see :func:`protocol_b_map`.
        mask (np.ndarray): Shape (H, W), uint8: 0, 1 and 255 (ignored); see :func:`view_mask`.

    Returns:
        np.ndarray: Shape (2, 1002), int64: on the object, beside it.

    Raises:
        ValueError: If shapes differ, or a value of the map or the mask is another one.
    """
    values = np.asarray(view, dtype=np.float64)
    mask = np.asarray(mask)
    if values.shape != mask.shape or values.size == 0:
        raise ValueError(f'map and mask differ in shape: {values.shape} and {mask.shape}')
    if mask.dtype != np.uint8 or ((mask > 1) & (mask < IGNORED)).any():
        raise ValueError(f'a mask has the values 0, 1 and {IGNORED} of the type uint8')
    values = values.ravel()
    if not (values.min() >= 0 and values.max() <= 1):  # NaN fails here too
        raise ValueError('a map at the view lies in [0, 1]')
    bins = (values * _BINS_PER_UNIT).astype(np.intp)
    # Rounding may lift a value below an edge onto it; all indices are in range, and 'clip' spares
    # the check of that.
    lifted = values < PIXEL_EDGES.take(bins, mode='clip')
    # One count for bin and mask value together; of the latter two bits are enough: 0, 1, 3.
    bins <<= 2
    bins += (mask & 3).ravel().view(np.int8) - 4 * lifted.view(np.int8)
    count = len(PIXEL_EDGES) - 1
    histogram = np.bincount(bins, minlength=count * 4).reshape(count, 4)
    return np.stack([histogram[:, 1], histogram[:, 0]])


def pixel_figures(histograms: np.ndarray) -> PixelFigures:
    """PxAP and pIoU of a set from its histograms.

    Args:
        histograms (np.ndarray): Shape (2, 1002), the sum of :func:`pixel_histograms` over the
            pictures.

    Returns:
        PixelFigures: In percent.

    Raises:
        ValueError: If no pixel of the whole set belongs to an object.
    """
    curve = pixel_curve(histograms)
    steps = (curve.precision[1:] * np.diff(curve.recall))[curve.predicted[1:] > 0]
    best = int(curve.iou.argmax())
    return PixelFigures(
        pxap=float(steps.sum() * 100),
        piou=float(curve.iou[best] * 100),
        piou_threshold=float(curve.thresholds[best]),
    )


def pixel_curve(histograms: np.ndarray) -> PixelCurve:
    """Precision, recall and IoU of pixels over the threshold.

    Args:
        histograms (np.ndarray): Shape (2, 1002), the sum of :func:`pixel_histograms` over the
            pictures.

    Returns:
        PixelCurve: Shares, not per cent.

    Raises:
        ValueError: If no pixel of the whole set belongs to an object.
    """
    tp, fp = np.asarray(histograms, dtype=np.int64)[:, ::-1].cumsum(axis=1)
    positive = tp[-1]
    if positive == 0:
        raise ValueError('no mask has a single object pixel: there is nothing to be found')
    predicted = tp + fp
    return PixelCurve(
        thresholds=PIXEL_EDGES[-2::-1],
        precision=tp / np.maximum(predicted, 1),
        recall=tp / positive,
        predicted=predicted,
        iou=tp / (positive + fp),
    )


def best_pixel_iou(histograms: np.ndarray) -> float | None:
    """Best IoU of pixels over all thresholds, of one picture or of several.

    Args:
        histograms (np.ndarray): Shape (2, 1002); see :func:`pixel_histograms`.

    Returns:
        float | None: In [0, 1]; None where no pixel belongs to an object.
    """
    tp, fp = np.asarray(histograms, dtype=np.int64)[:, ::-1].cumsum(axis=1)
    return float((tp / (tp[-1] + fp)).max()) if tp[-1] else None


def _to_view(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f'a mask has the shape (h, w), got {mask.shape}')
    height, width = size
    # As 0 and 1: cv2 resizes neither bool nor all integer types.
    flags = (mask != 0).astype(np.uint8)
    resized = cv2.resize(flags, (int(width), int(height)), interpolation=cv2.INTER_NEAREST)
    return resized.astype(bool)
