"""Localization maps of a network: normalisation and resize to the view."""

from collections.abc import Sequence

import cv2
import numpy as np

__all__ = ['extremes', 'map_to_original', 'normalize_map', 'resize_map']

# Protocol A's guard of the division (spec metrics.md, Protocol A, step 2).
_EPSILON = np.float32(1e-5)


def extremes(localization_map: np.ndarray) -> tuple[np.floating, np.floating]:
    """The least and the greatest value of a map, where it is one.

    Args:
        localization_map (np.ndarray): Shape (h, w), floating point.

    Returns:
        tuple: Of its own type.

    Raises:
        ValueError: If the map is not two-dimensional, has no pixel, or holds NaN or infinity.
    """
    m = localization_map
    if m.ndim != 2 or m.size == 0:
        raise ValueError(f'a localization map has the shape (h, w), h, w >= 1, got {m.shape}')
    low, high = m.min(), m.max()
    # NaN wins every min and max in NumPy, and infinity is an extreme: two numbers tell all.
    if not (np.isfinite(low) and np.isfinite(high)):
        kind = 'NaN' if np.isnan(m).any() else 'infinite values'
        raise ValueError(f'the localization map holds {kind}')
    return low, high


def normalize_map(localization_map: np.ndarray) -> np.ndarray:
    """Min-max normalise one localization map as Protocol A does.

    ``(m - min) / (max - min + 1e-5)`` in float32, so that the figures do not depend on how the
    installed NumPy promotes scalars. Only the minimum is subtracted in float64 where the map's own
    type holds more than float32 does. A constant map becomes all 0.

    Args:
        localization_map (np.ndarray): Shape (h, w), any real dtype and range, finite.

    Returns:
        np.ndarray: Shape (h, w), float32, in [0, 1]; 1 where the map spans so much that the
            epsilon is lost in rounding.

    Raises:
        ValueError: If the map is not two-dimensional, has no pixel, holds NaN or infinity, or
            values so far apart that their difference is infinite.

    Examples:
        >>> import numpy as np
        >>> normalize_map(np.array([[0.0, 0.5], [1.0, 0.25]])).round(3)
        array([[0.  , 0.5 ],
               [1.  , 0.25]], dtype=float32)
    """
    m = np.asarray(localization_map)
    # In float32, a map far from 0 would lose what its values differ by.
    exact = np.float32 if np.can_cast(m.dtype, np.float32) else np.float64
    m = np.ascontiguousarray(m, dtype=exact)
    low, high = extremes(m)
    if float(high) - float(low) > float(np.finfo(np.float32).max):
        raise ValueError(f'the localization map has values from {low:g} to {high:g}: too far apart')
    return (m - low).astype(np.float32, copy=False) / (np.float32(high - low) + _EPSILON)


def resize_map(localization_map: np.ndarray, size: tuple[int, int] = (224, 224)) -> np.ndarray:
    """Resize one map bilinearly to the view (``cv2.INTER_LINEAR``, float32).

    Args:
        localization_map (np.ndarray): Shape (h, w), finite.
        size (tuple[int, int]): Height and width of the view, in pixels.

    Returns:
        np.ndarray: Shape ``size``, float32, not normalised again.
    """
    m = np.ascontiguousarray(localization_map, dtype=np.float32)
    height, width = size
    return cv2.resize(m, (int(width), int(height)), interpolation=cv2.INTER_LINEAR)


def map_to_original(
    view_map: np.ndarray, view_box: Sequence[float], size: tuple[int, int]
) -> np.ndarray:
    """Bring a map of the view back to the original picture: resizes, crops and mirrors undone.

    Bilinear between the centres of the view's pixels, the outermost ones continued to its edge.
    Pixels of the picture whose centre lies outside the view are 0: the network did not see them.
    Where the view is the picture itself, the map is returned as it is.

    Args:
        view_map (np.ndarray): Shape (h, w), float32, at the size of the view.
        view_box (Sequence[float]): Where the view lies in the original picture, x0, y0, x1, y1 in
            its pixels, x1, y1 one past the end; x0 > x1 where it is mirrored. Data samples have it.
        size (tuple[int, int]): Height and width of the original picture.

    Returns:
        np.ndarray: Shape ``size``, float32.

    Examples:
        >>> import numpy as np
        >>> view_map = np.array([[0.25, 0.75]], np.float32)  # the middle of a row of 8 pixels
        >>> map_to_original(view_map, (2, 0, 6, 1), (1, 8))
        array([[0.   , 0.   , 0.25 , 0.375, 0.625, 0.75 , 0.   , 0.   ]], dtype=float32)
    """
    view_map = np.asarray(view_map, dtype=np.float32)
    x0, y0, x1, y1 = view_box
    columns, left, right, across = _sample(size[1], view_map.shape[1], x0, x1)
    rows, upper, lower, down = _sample(size[0], view_map.shape[0], y0, y1)
    result = np.zeros(size, dtype=np.float32)
    # Columns first: there are fewer rows in most views than in their pictures.
    wide = view_map[:, left] * (1 - across) + view_map[:, right] * across
    result[rows, columns] = wide[upper] * (1 - down[:, None]) + wide[lower] * down[:, None]
    return result


def _sample(
    length: int, cells: int, first: float, last: float
) -> tuple[slice, np.ndarray, np.ndarray, np.ndarray]:
    """Which pixels of a side lie in the view, and of each the two cells and the second's weight."""
    place = (np.arange(length) + 0.5 - first) * cells / (last - first)
    inside = np.flatnonzero((place >= 0) & (place <= cells))
    if not inside.size:
        return slice(0), *(np.zeros(0, np.intp),) * 2, np.zeros(0, np.float32)
    place = np.clip(place[inside] - 0.5, 0, cells - 1)
    low = place.astype(np.intp)
    high = np.minimum(low + 1, cells - 1)
    return slice(inside[0], inside[-1] + 1), low, high, (place - low).astype(np.float32)
