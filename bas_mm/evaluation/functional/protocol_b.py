"""Protocol B: localization at the best of many thresholds (spec metrics.md)."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

from .boxes import box_iou
from .contours import contour_boxes, level_boxes
from .maps import extremes

__all__ = [
    'PROTOCOL_B_TAUS',
    'ProtocolBIoUs',
    'protocol_b_boxes',
    'protocol_b_ious',
    'protocol_b_map',
]

#: The thresholds τ, (1000,) float64.
PROTOCOL_B_TAUS = np.arange(0, 1, 0.001)
PROTOCOL_B_TAUS.setflags(write=False)

# What is predicted where no pixel is above the threshold.
_NO_CONTOUR = np.zeros((1, 4), dtype=np.int64)


class ProtocolBIoUs(NamedTuple):
    """Best IoU of one picture at each threshold τ, each (T,), float64, in [0, 1].

    Attributes:
        single (np.ndarray): With the one box around the largest contour (MaxBoxAcc).
        multi (np.ndarray): Over the boxes of all contours (MaxBoxAccV2).
    """

    single: np.ndarray
    multi: np.ndarray


def protocol_b_map(
    localization_map: np.ndarray,
    size: tuple[int, int] = (224, 224),
    normalize: bool = True,
) -> tuple[np.ndarray, bool]:
    """Bring one map to the view for Protocol B and the pixel metrics (Protocol B, step 1).

    A network's map is resized with ``cv2.INTER_CUBIC`` and then min-max normalised without
    epsilon, all of it in float64. A map that is constant becomes all 0.

    Args:
        localization_map (np.ndarray): Shape (h, w), any real dtype and range, finite.
        size (tuple[int, int]): Height and width of the view, in pixels.
        normalize (bool): Whether to resize and normalise. If False, the map must be of the size
            of the view and in [0, 1], and only its type changes.

    Returns:
        tuple[np.ndarray, bool]: The map, shape ``size``, float64, in [0, 1]; and whether the
        given one was constant.

    Raises:
        ValueError: If the map is not two-dimensional, has no pixel, holds NaN or infinity, or
            values so far apart that their difference is infinite; without ``normalize`` also if
            its size or its values are not those of the view.

    Examples:
        >>> import numpy as np
        >>> view, constant = protocol_b_map(np.array([[0.0, 2.0], [1.0, 4.0]]), (2, 2))
        >>> view, constant
        (array([[0.  , 0.5 ],
               [0.25, 1.  ]]), False)
    """
    m = np.ascontiguousarray(localization_map, dtype=np.float64)
    low, high = map(float, extremes(m))
    constant = low == high
    height, width = int(size[0]), int(size[1])
    if not normalize:
        if m.shape != (height, width):
            raise ValueError(
                f'the localization map has the shape {m.shape}, the view {(height, width)}; only '
                'with normalize=True are maps resized'
            )
        if low < 0 or high > 1:
            raise ValueError(
                f'the localization map has values from {low:g} to {high:g}; without '
                'normalize=True they must lie in [0, 1]'
            )
        return m, constant
    if constant:
        # Told from the map as it is: the cubic weights sum up to 1 only up to rounding.
        return np.zeros((height, width)), True
    m = cv2.resize(m, (width, height), interpolation=cv2.INTER_CUBIC)
    given = f'values from {low:g} to {high:g}'
    low, high = float(m.min()), float(m.max())
    if not np.isfinite(high - low):
        raise ValueError(f'the localization map has {given}: too far apart')
    if low == high:  # one pixel, or all of them where the map has the same value
        return np.zeros((height, width)), True
    m -= low
    m /= high - low
    return m, False


def protocol_b_ious(
    view: np.ndarray, gt_boxes: ArrayLike, taus: np.ndarray = PROTOCOL_B_TAUS
) -> ProtocolBIoUs:
    """Best IoU over the boxes of one picture at each threshold (Protocol B, steps 2 and 3).

    The boxes of all 256 binary pictures come from one pass (:func:`level_boxes`), and the figures
    of both modes from these boxes.

    Args:
        view (np.ndarray): Shape (H, W), in [0, 1]; see :func:`protocol_b_map`.
        gt_boxes (ArrayLike): Shape (n, 4), n >= 1, in pixels of the view, corners inclusive.
        taus (np.ndarray): Shape (T,), ascending, in [0, 1). Defaults to 0, 0.001, ..., 0.999.

    Returns:
        ProtocolBIoUs: Best IoUs with one box and with all.

    Raises:
        ValueError: If there is no true box, or the map is not two-dimensional or not in [0, 1].
    """
    gt = np.asarray(gt_boxes)
    if gt.size == 0:
        raise ValueError('there is no ground-truth box')
    values, levels = _values_and_levels(view, taus)
    if levels is None:
        both = np.full(len(taus), box_iou(_NO_CONTOUR, gt).max())
        return ProtocolBIoUs(both, both.copy())
    found = level_boxes(values)
    best = np.zeros(len(found.largest))
    np.maximum.at(best, found.levels, box_iou(gt, found.boxes).max(axis=0))
    return ProtocolBIoUs(single=box_iou(gt, found.largest).max(axis=0)[levels], multi=best[levels])


def protocol_b_boxes(view: np.ndarray, tau: float, multi: bool = False) -> np.ndarray:
    """Predicted boxes of one picture at one threshold τ (Protocol B, step 2).

    Args:
        view (np.ndarray): Shape (H, W), in [0, 1]; see :func:`protocol_b_map`.
        tau (float): Threshold in [0, 1).
        multi (bool): Whether all contours count, or the one of the largest area.

    Returns:
        np.ndarray: Shape (k, 4), int64, k >= 1 with ``multi`` and 1 without, in cv2's order:
        x0, y0, x1, y1, where x1 and y1 are one past the last column and row, but at most the
        last ones of the view. With no pixel above the threshold it is ``[[0, 0, 0, 0]]``.

    Raises:
        ValueError: If the map is not two-dimensional or not in [0, 1], or τ is not in [0, 1).

    Examples:
        >>> import numpy as np
        >>> view = np.zeros((6, 8))
        >>> view[1:3, 2:5] = 0.7
        >>> protocol_b_boxes(view, 0.5)
        array([[2, 1, 5, 3]])
    """
    values, levels = _values_and_levels(view, np.array([tau]))
    if levels is None:
        return _NO_CONTOUR.copy()
    found = contour_boxes((values.astype(np.uint8) > levels[0]).view(np.uint8))
    return found.boxes if multi else found.boxes[[found.largest]]


def _values_and_levels(view: np.ndarray, taus: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The map times 255, and the level of each τ, (T,); None where no pixel is above any."""
    view = np.asarray(view, dtype=np.float64)
    if view.ndim != 2 or view.size == 0:
        raise ValueError(f'a map at the view has the shape (H, W), got {view.shape}')
    greatest = view.max()
    if not (view.min() >= 0 and greatest <= 1):  # NaN fails here too
        raise ValueError('a map at the view lies in [0, 1]')
    taus = np.asarray(taus, dtype=np.float64)
    if taus.ndim != 1 or taus.size == 0 or not (taus[0] >= 0 and taus[-1] < 1):
        raise ValueError('taus must be (T,), T >= 1, in [0, 1)')
    if (np.diff(taus) < 0).any():
        raise ValueError('taus must be ascending')
    top = int(greatest * 255)
    return view * 255, (taus * float(top)).astype(np.int64) if top else None
