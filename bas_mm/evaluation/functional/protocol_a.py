"""Protocol A: localization at a fixed threshold (spec metrics.md), from arrays to figures."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .boxes import box_iou
from .components import largest_component_box
from .maps import normalize_map, resize_map

__all__ = [
    'PROTOCOL_A_CRITERIA',
    'PROTOCOL_A_THRESHOLDS',
    'choose_threshold',
    'figure_at',
    'protocol_a_box',
    'protocol_a_boxes',
    'protocol_a_counts',
    'protocol_a_figures',
    'protocol_a_ious',
    'protocol_a_map',
]

#: What pictures are counted by, in the order of :func:`protocol_a_counts`.
PROTOCOL_A_CRITERIA = (
    'top1_loc',
    'top5_loc',
    'gt_known',
    'top1_cls',
    'top5_cls',
    'iou_30',
    'iou_50',
    'iou_70',
)

#: θ to choose from where nothing else is said: 0.05, 0.10, ..., 0.95.
PROTOCOL_A_THRESHOLDS = tuple(step / 20 for step in range(1, 20))

# IoU levels of the reported shares; 0.5 is the one of GT-Known, Top-1 Loc and Top-5 Loc.
_IOU_LEVELS = {'iou_30': 0.3, 'iou_50': 0.5, 'iou_70': 0.7}


def protocol_a_map(localization_map: np.ndarray, size: tuple[int, int] = (224, 224)) -> np.ndarray:
    """Map of one picture at the view (Protocol A, step 2): normalised, then resized.

    Args:
        localization_map (np.ndarray): Shape (h, w), as the network gives it.
        size (tuple[int, int]): Height and width of the view.

    Returns:
        np.ndarray: Shape ``size``, float32, in [0, 1].

    Raises:
        ValueError: If the map is not (h, w) or not finite.
    """
    return resize_map(normalize_map(localization_map), size)


def protocol_a_box(view_map: np.ndarray, threshold: float) -> tuple[np.ndarray, bool]:
    """Predicted box of one picture (Protocol A, step 3), and whether anything was found.

    Args:
        view_map (np.ndarray): Shape (H, W), float32; see :func:`protocol_a_map`.
        threshold (float): θ.

    Returns:
        tuple[np.ndarray, bool]: The box, (4,), int64, see :func:`largest_component_box`; and
        whether a pixel is above θ. Where none is, the box is the whole view.
    """
    found = bool(view_map.max() > np.float32(threshold))
    return largest_component_box(view_map, threshold), found


def protocol_a_boxes(
    localization_map: np.ndarray,
    thresholds: Sequence[float],
    size: tuple[int, int] = (224, 224),
) -> np.ndarray:
    """Predicted box of one picture at each threshold (Protocol A, steps 2 and 3).

    Args:
        localization_map (np.ndarray): Shape (h, w), as the network gives it.
        thresholds (Sequence[float]): The values of θ.
        size (tuple[int, int]): Height and width of the view.

    Returns:
        np.ndarray: Shape (T, 4), int64; see :func:`largest_component_box`.

    Raises:
        ValueError: If the map is not (h, w) or not finite.
    """
    view_map = protocol_a_map(localization_map, size)
    # Those of protocol_a_box, which looks at the map once more.
    boxes = [largest_component_box(view_map, theta) for theta in thresholds]
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)


def protocol_a_ious(
    localization_map: np.ndarray,
    gt_boxes: ArrayLike,
    thresholds: Sequence[float],
    size: tuple[int, int] = (224, 224),
) -> np.ndarray:
    """Best IoU over the true boxes of one picture at each threshold (Protocol A, step 4).

    Args:
        localization_map (np.ndarray): Shape (h, w), as the network gives it.
        gt_boxes (ArrayLike): Shape (n, 4), n >= 1, in pixels of the view, corners inclusive.
        thresholds (Sequence[float]): The values of θ.
        size (tuple[int, int]): Height and width of the view.

    Returns:
        np.ndarray: Shape (T,), float64, in [0, 1].

    Raises:
        ValueError: If there is no true box, or the map is not (h, w) or not finite.
    """
    boxes = np.asarray(gt_boxes)
    if boxes.size == 0:
        raise ValueError('there is no ground-truth box')
    return box_iou(protocol_a_boxes(localization_map, thresholds, size), boxes).max(axis=1)


def protocol_a_counts(best_ious: ArrayLike, ranks: ArrayLike) -> dict[str, np.ndarray]:
    """Number of right pictures under each of Protocol A's criteria, per threshold.

    Counts, not shares: they add up over parts of a set, and their order is exact.

    Args:
        best_ious (ArrayLike): Shape (n, T), best IoU per picture and threshold.
        ranks (ArrayLike): Shape (n,), rank of the true class, 0 for the first
            (:func:`class_ranks`).

    Returns:
        dict[str, np.ndarray]: By :data:`PROTOCOL_A_CRITERIA`, each of shape (T,), int64.

    Raises:
        ValueError: The shapes are others, or not those of the same number of pictures.
    """
    ious, ranks = np.asarray(best_ious, dtype=np.float64), np.asarray(ranks)
    if ious.ndim != 2 or ranks.shape != ious.shape[:1]:
        raise ValueError(
            f'IoUs (n, T) and ranks (n,) are needed, got the shapes {ious.shape} and {ranks.shape}'
        )
    top1 = ranks[:, None] < 1
    top5 = ranks[:, None] < 5
    right = ious >= _IOU_LEVELS['iou_50']
    hits = {
        'top1_loc': right & top1,
        'top5_loc': right & top5,
        'gt_known': right,
        'top1_cls': np.broadcast_to(top1, ious.shape),
        'top5_cls': np.broadcast_to(top5, ious.shape),
        **{name: ious >= level for name, level in _IOU_LEVELS.items()},
    }
    return {name: hit.sum(axis=0, dtype=np.int64) for name, hit in hits.items()}


def protocol_a_figures(counts: Mapping[str, int], pictures: int) -> dict[str, float]:
    """Figures in percent from counts at one threshold.

    Args:
        counts (Mapping[str, int]): Right pictures by :data:`PROTOCOL_A_CRITERIA`
            (:func:`protocol_a_counts`).
        pictures (int): Number of all pictures, at least one.

    Returns:
        dict[str, float]: By the same names, and ``mean_iou_acc``, the mean of the IoU shares.
    """
    figures = {name: float(count / pictures * 100) for name, count in counts.items()}
    figures['mean_iou_acc'] = sum(figures[name] for name in _IOU_LEVELS) / len(_IOU_LEVELS)
    return figures


def figure_at(name: str, threshold: float) -> str:
    """Name of a figure, or of a column, at one of several thresholds.

    Args:
        name (str): The figure's, such as ``gt_known``.
        threshold (float): θ, of which the name has ten digits.

    Examples:
        >>> figure_at('gt_known', 1 / 3)
        'gt_known@0.3333333333'
    """
    return f'{name}@{threshold:.10g}'


def choose_threshold(thresholds: ArrayLike, scores: ArrayLike) -> int:
    """Index of the threshold with the highest score, on a tie the smaller θ.

    Args:
        thresholds (ArrayLike): Shape (T,), the values of θ, in any order.
        scores (ArrayLike): Shape (T,): Protocol A's are Top-1 Loc + GT-Known. Give sums of counts
            rather than of percentages: rounded numbers would decide exact ties at random.

    Returns:
        int: Index into ``thresholds``.

    Examples:
        >>> choose_threshold([0.3, 0.2, 0.1], [13, 13, 4])
        1
    """
    total = np.asarray(scores)
    theta = np.asarray(thresholds, dtype=np.float64)
    best = np.flatnonzero(total == total.max())
    return int(best[theta[best].argmin()])
