"""Localization maps of a network: normalisation and resize to the view."""

import cv2
import numpy as np

__all__ = ['normalize_map', 'resize_map']

# Protocol A's guard of the division (spec metrics.md, Protocol A, step 2).
_EPSILON = np.float32(1e-5)


def normalize_map(localization_map: np.ndarray) -> np.ndarray:
    """Min-max normalise one localization map as Protocol A does.

    ``(m - min) / (max - min + 1e-5)``, all of it in float32, so that the figures do not depend on
    how the installed NumPy promotes scalars. A constant map becomes all 0.

    Args:
        localization_map (np.ndarray): Shape (h, w), any real dtype and range, finite.

    Returns:
        np.ndarray: Shape (h, w), float32, in [0, 1).

    Raises:
        ValueError: If the map is not two-dimensional, has no pixel, or holds NaN or infinity.

    Examples:
        >>> import numpy as np
        >>> normalize_map(np.array([[0.0, 0.5], [1.0, 0.25]])).round(3)
        array([[0.  , 0.5 ],
               [1.  , 0.25]], dtype=float32)
    """
    m = np.ascontiguousarray(localization_map, dtype=np.float32)
    if m.ndim != 2 or m.size == 0:
        raise ValueError(f'a localization map has the shape (h, w), h, w >= 1, got {m.shape}')
    low, high = m.min(), m.max()
    # NaN wins every min and max in NumPy, and infinity is an extreme: two numbers tell all.
    if not (np.isfinite(low) and np.isfinite(high)):
        kind = 'NaN' if np.isnan(m).any() else 'infinite values'
        raise ValueError(f'the localization map holds {kind}')
    return (m - low) / (high - low + _EPSILON)


def resize_map(localization_map: np.ndarray, size: tuple[int, int] = (224, 224)) -> np.ndarray:
    """Resize one map bilinearly to the view (``cv2.INTER_LINEAR``, float32).

    Args:
        localization_map (np.ndarray): Shape (h, w).
        size (tuple[int, int]): Height and width of the view, in pixels.

    Returns:
        np.ndarray: Shape ``size``, float32, not normalised again.
    """
    m = np.ascontiguousarray(localization_map, dtype=np.float32)
    height, width = size
    return cv2.resize(m, (int(width), int(height)), interpolation=cv2.INTER_LINEAR)
