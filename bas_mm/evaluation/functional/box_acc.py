"""MaxBoxAcc and MaxBoxAccV2 of a set from the IoUs of its pictures."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['BOX_ACC_DELTAS', 'BoxAccFigures', 'box_acc_counts', 'box_acc_figures']

#: IoU levels δ of MaxBoxAccV2; MaxBoxAcc has 0.5 alone.
BOX_ACC_DELTAS = (0.3, 0.5, 0.7)


class BoxAccFigures(NamedTuple):
    """Figures in percent, for each of D IoU levels δ.

    Attributes:
        curve (np.ndarray): Shape (D, T), float64: BoxAcc(τ, δ), the share of right pictures.
        max_box_acc (np.ndarray): Shape (D,), float64: its maximum over τ.
        best (np.ndarray): Shape (D,), int64: the index of the τ of that maximum, the first of
            several.
    """

    curve: np.ndarray
    max_box_acc: np.ndarray
    best: np.ndarray


def box_acc_counts(best_ious: ArrayLike, deltas: ArrayLike = BOX_ACC_DELTAS) -> np.ndarray:
    """Number of right pictures at each IoU level and threshold (Protocol B, step 3).

    Counts add up over parts of a set, in any order, exactly.

    Args:
        best_ious (ArrayLike): Shape (T,) of one picture or (n, T) of several; see
            :func:`protocol_b_ious`.
        deltas (ArrayLike): Shape (D,), the IoU levels δ.

    Returns:
        np.ndarray: Shape (D, T), int64.

    Examples:
        >>> box_acc_counts([[0.2, 0.5, 0.4], [0.9, 0.6, 0.1]], [0.3, 0.5])
        array([[1, 2, 1],
               [1, 2, 0]])
    """
    ious = np.atleast_2d(np.asarray(best_ious, dtype=np.float64))
    right = ious[None] >= np.asarray(deltas, dtype=np.float64)[:, None, None]
    return right.sum(axis=1, dtype=np.int64)


def box_acc_figures(counts: ArrayLike, total: int) -> BoxAccFigures:
    """BoxAcc over τ and its maximum, in percent.

    MaxBoxAcc is ``max_box_acc`` at δ = 0.5 of the single contours, MaxBoxAccV2 the mean of
    ``max_box_acc`` at δ = 0.3, 0.5, 0.7 of all contours.

    Args:
        counts (ArrayLike): Shape (D, T), sum of :func:`box_acc_counts` over the set.
        total (int): Number of pictures, at least one.

    Returns:
        BoxAccFigures: Curve, maximum and where it is.

    Raises:
        ValueError: If there is no picture.
    """
    if total < 1:
        raise ValueError('no picture was evaluated')
    counts = np.asarray(counts, dtype=np.int64)
    curve = counts / total * 100
    # By counts: of equal ones the first.
    best = counts.argmax(axis=1)
    return BoxAccFigures(curve, np.take_along_axis(curve, best[:, None], axis=1)[:, 0], best)
