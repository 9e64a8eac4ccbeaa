"""Where the true class stands among a picture's class scores."""

import numpy as np
from numpy.typing import ArrayLike

__all__ = ['class_ranks']


def class_ranks(scores: ArrayLike, labels: ArrayLike) -> np.ndarray:
    """Rank of the true class of each picture: 0 for the highest score.

    A picture is right among the first k classes when its rank is below k. Of equal scores the
    class with the lower index comes first, as in a stable sort by descending score.

    Args:
        scores (ArrayLike): Shape (n, C): logits or probabilities.
        labels (ArrayLike): Shape (n,): class indices in [0, C).

    Returns:
        np.ndarray: Shape (n,), int64, in [0, C).

    Raises:
        ValueError: If shapes disagree, a label is no whole number or out of range, or a score is
            NaN.

    Examples:
        >>> class_ranks([[0.1, 0.7, 0.2], [0.4, 0.2, 0.4]], [1, 2])
        array([0, 1])
    """
    s, y = np.asarray(scores), np.asarray(labels)
    if s.ndim != 2 or y.shape != s.shape[:1]:
        raise ValueError(f'scores (n, C) and labels (n,) expected, got {s.shape} and {y.shape}')
    if np.isnan(s).any():
        raise ValueError('a class score is NaN')
    if y.size and not (y.min() >= 0 and y.max() < s.shape[1]):  # NaN fails here too
        raise ValueError(f'labels must lie in [0, {s.shape[1]}), got {y.min()} to {y.max()}')
    given, y = y, y.astype(np.int64)
    if (given != y).any():
        raise ValueError(f'labels must be whole numbers, got {given[given != y][0]}')
    own = np.take_along_axis(s, y[:, None], axis=1)
    before = np.arange(s.shape[1]) < y[:, None]
    return ((s > own) | ((s == own) & before)).sum(axis=1).astype(np.int64)
