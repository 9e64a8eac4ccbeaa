"""What metrics do with one picture, in worker processes where there are any.

No torch and no mmengine is imported here, nor by what this module imports: a worker process would
take seconds for it when it starts, and some 300 MB while it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bas_mm.utils.box_geometry import box_in_picture
from bas_mm.utils.result_files import write_array

from .functional import (
    PROTOCOL_A_CRITERIA,
    PROTOCOL_B_TAUS,
    best_pixel_iou,
    box_acc_counts,
    box_iou,
    pixel_histograms,
    protocol_a_box,
    protocol_a_boxes,
    protocol_a_counts,
    protocol_a_map,
    protocol_b_ious,
    protocol_b_map,
)

__all__ = [
    'Measured',
    'count_all_boxes',
    'count_largest_box',
    'count_pixels',
    'measure_detection',
    'measure_map',
    'measure_view',
    'predict_box',
    'write_map',
]


class Measured(NamedTuple):
    """What is left of one picture."""

    label: int  # -1 where there is none
    constant: bool  # the map has one value only
    counts: np.ndarray  # integers, of one shape: they are added up
    values: tuple  # what the result file says about the picture


def measure_map(
    pred_map: np.ndarray,
    thresholds: tuple[float, ...],
    view_size: tuple[int, int],
    gt_boxes: np.ndarray,
    label: int,
    rank: int,
) -> Measured:
    """Work of ``LocalizationMetric``: counts (8, T) of Protocol A's criteria at T thresholds."""
    boxes = protocol_a_boxes(pred_map, thresholds, view_size)
    ious = box_iou(boxes, gt_boxes).max(axis=1)
    counts = protocol_a_counts(ious[None], [rank])
    return Measured(
        label,
        constant=bool(pred_map.min() == pred_map.max()),
        counts=np.stack([counts[name] for name in PROTOCOL_A_CRITERIA]),
        values=(rank, ious, boxes.astype(np.int32)),
    )


def measure_detection(
    box: np.ndarray, gt_boxes: np.ndarray, label: int, rank: int | None
) -> Measured:
    """Work of ``DetectionLocalizationMetric``: counts (8,) of Protocol A's criteria.

    ``box`` is (1, 4), or (0, 4) where nothing was detected; ``rank`` is None where the class was
    not.
    """
    found = len(box) > 0
    iou = box_iou(box, gt_boxes).max() if found else 0.0
    # Not among any first k, however few classes there are.
    counts = protocol_a_counts([[iou]], [np.inf if rank is None else rank])
    return Measured(
        label,
        constant=not found,
        counts=np.concatenate([counts[name] for name in PROTOCOL_A_CRITERIA]),
        values=(rank, float(iou), box.astype(np.int32)),
    )


def predict_box(
    pred_map: np.ndarray,
    threshold: float,
    view: tuple[int, int],
    view_box: tuple[float, ...],
    label: int,
    about: tuple,
) -> Measured:
    """Work of ``CocoBoxWriter``: the box of the original picture, and whether there is one, (1,).

    It is None where nothing is above θ, which says nothing of a place.
    """
    _, *size, _, _ = about
    in_view, found = protocol_a_box(protocol_a_map(pred_map, view), threshold)
    box = box_in_picture(in_view, view_box, view[::-1], size) if found else None
    if found and (box[0] >= box[2] or box[1] >= box[3]):
        box, found = None, False  # beside the picture, in the border of a padded view
    return Measured(label, not found, np.array([found], np.int64), (box, *about))


def write_map(path: Path, pred_map: np.ndarray) -> Measured:
    """Work of ``MapWriter``: there is nothing to count."""
    write_array(path, pred_map.astype(np.float32))
    return Measured(-1, bool(pred_map.min() == pred_map.max()), np.zeros(0, np.int64), ())


def measure_view(
    counter: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, tuple]],
    label: int,
    pred_map: np.ndarray,
    truth: np.ndarray,
    view_size: tuple[int, int],
    normalize: bool,
) -> Measured:
    """Work of ``ViewMapMetric``: what ``counter`` finds in the map at the view."""
    view, constant = protocol_b_map(pred_map, view_size, normalize)
    counts, values = counter(view, truth)
    return Measured(label, constant, counts, values)


def count_largest_box(view: np.ndarray, gt_boxes: np.ndarray) -> tuple[np.ndarray, tuple]:
    """Counter of ``MaxBoxAcc``: (1, 1000), by τ."""
    ious = protocol_b_ious(view, gt_boxes).single
    return box_acc_counts(ious, (0.5,)), _best_and_tau(ious)


def count_all_boxes(view: np.ndarray, gt_boxes: np.ndarray) -> tuple[np.ndarray, tuple]:
    """Counter of ``MaxBoxAccV2``: (4, 1000), by IoU level and τ; the last row is MaxBoxAcc's."""
    ious = protocol_b_ious(view, gt_boxes)
    # Both modes come from one search for contours: the fourth row costs nothing.
    counts = np.concatenate([box_acc_counts(ious.multi), box_acc_counts(ious.single, (0.5,))])
    return counts, _best_and_tau(ious.multi)


def count_pixels(view: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, tuple]:
    """Counter of ``PxAP``: histograms of the map's values over object pixels and the others."""
    histograms = pixel_histograms(view, mask)
    return histograms, (*histograms.sum(axis=1).tolist(), best_pixel_iou(histograms))


def _best_and_tau(ious: np.ndarray) -> tuple[float, float]:
    """Best IoU of a picture over all thresholds, and the smallest τ that has it."""
    index = int(ious.argmax())
    return float(ious[index]), float(PROTOCOL_B_TAUS[index])
