"""Which pictures tell most, and how IoUs are spread: arrays in, arrays out."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['IOU_BINS', 'choose_pictures', 'iou_histograms']

#: Bins of the IoU histogram, each 0.05 wide; IoU 1 lies in the last one.
IOU_BINS = 20


def choose_pictures(
    ious: ArrayLike, labels: ArrayLike, count: int, per_class: int
) -> dict[int, tuple[str, ...]]:
    """Pick out pictures by the IoU of the last method, and by what it is ahead of the first one.

    Args:
        ious (ArrayLike): Shape (M, n), of M methods, the baseline first; NaN: never picked.
        labels (ArrayLike): Shape (n,), classes.
        count (int): How many of each of the kinds ``best``, ``worst``, ``ahead`` (the last method
            has the greater IoU) and ``behind``; fewer where there are no more.
        per_class (int): How many best and how many worst of each class, kind ``class``.

    Returns:
        dict[int, tuple[str, ...]]: For each picture's index, ascending, its kinds. On ties the
        earlier pictures are taken.

    Examples:
        >>> choose_pictures([[0.5, 0.5, 0.1], [0.9, 0.2, 0.3]], [0, 0, 1], 1, 0)
        {0: ('best', 'ahead'), 1: ('worst', 'behind')}
    """
    ious = np.asarray(ious, dtype=np.float64)
    labels = np.asarray(labels)
    main, gain = ious[-1], ious[-1] - ious[0]
    chosen: dict[int, list[str]] = {}

    def take(kind: str, values: np.ndarray, allowed: np.ndarray, number: int) -> None:
        candidates = np.flatnonzero(allowed & np.isfinite(values))
        first = candidates[np.argsort(values[candidates], kind='stable')[:number]]
        for index in first.tolist():
            kinds = chosen.setdefault(index, [])
            if kind not in kinds:
                kinds.append(kind)

    everywhere = np.ones(len(main), dtype=bool)
    take('best', -main, everywhere, count)
    take('worst', main, everywhere, count)
    take('ahead', -gain, gain > 0, count)
    take('behind', gain, gain < 0, count)
    if per_class:
        for label in np.unique(labels):
            take('class', -main, labels == label, per_class)
            take('class', main, labels == label, per_class)
    return {index: tuple(chosen[index]) for index in sorted(chosen)}


def iou_histograms(ious: ArrayLike, labels: ArrayLike, num_classes: int) -> np.ndarray:
    """Number of pictures of each class in each bin of IoU.

    Args:
        ious (ArrayLike): Shape (n,), in [0, 1]; NaN is not counted.
        labels (ArrayLike): Shape (n,), int, in [0, num_classes).
        num_classes (int): C.

    Returns:
        np.ndarray: Shape (C, 20), int64. A bin holds its lower edge.

    Examples:
        >>> iou_histograms([0.0, 0.05, 1.0], [0, 0, 0], 1)[0, [0, 1, 19]]
        array([1, 1, 1])
    """
    ious, labels = np.asarray(ious, dtype=np.float64), np.asarray(labels)
    counted = np.isfinite(ious)
    # By the edges: a product with 20 may be rounded over one.
    edges = np.arange(1, IOU_BINS) / IOU_BINS
    bins = np.searchsorted(edges, ious[counted], side='right')
    flat = labels[counted] * IOU_BINS + bins
    return np.bincount(flat, minlength=num_classes * IOU_BINS).reshape(num_classes, IOU_BINS)
