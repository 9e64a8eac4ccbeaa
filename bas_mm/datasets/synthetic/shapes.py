"""Outlines as polygons in the object's own coordinates, and their way into the picture.

Object coordinates: the trunk is centred at the origin and about one unit long, x points to the
head, y points **down** as in pictures. All functions are pure; polygons are float64 (n, 2).
"""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ['blob', 'ellipse', 'limb', 'pose_matrix', 'transform', 'fill']

# cv2 takes fixed-point coordinates: 4 fractional bits keep slanted edges smooth.
_SHIFT = 4


def ellipse(
    centre: tuple[float, float], axes: tuple[float, float], angle: float = 0.0, points: int = 40
) -> np.ndarray:
    """Polygon of an ellipse with semi-``axes``, turned by ``angle`` radians."""
    t = np.linspace(0.0, 2 * np.pi, points, endpoint=False)
    x, y = axes[0] * np.cos(t), axes[1] * np.sin(t)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + cos * x - sin * y, centre[1] + sin * x + cos * y], axis=1)


def blob(
    rng: np.random.Generator,
    centre: tuple[float, float],
    axes: tuple[float, float],
    wobble: float,
) -> np.ndarray:
    """An ellipse whose radius swings by up to about ``wobble`` (relative), smoothly."""
    t = np.linspace(0.0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones(64)
    for order in (2, 3, 4):
        radius += wobble / order * rng.uniform(-1, 1) * np.cos(order * t + rng.uniform(0, 6.3))
    return np.stack(
        [centre[0] + axes[0] * radius * np.cos(t), centre[1] + axes[1] * radius * np.sin(t)],
        axis=1,
    )


def limb(
    start: tuple[float, float],
    bend: tuple[float, float],
    end: tuple[float, float],
    widths: tuple[float, float],
) -> np.ndarray:
    """A tapering limb along the quadratic curve start-bend-end, with a round end.

    Args:
        start: Where it leaves the trunk.
        bend: Control point of the curve.
        end: The tip.
        widths: Full width at the start and at the tip.
    """
    t = np.linspace(0.0, 1.0, 14)[:, None]
    a, b, c = (np.asarray(p, dtype=np.float64) for p in (start, bend, end))
    line = (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
    slope = 2 * (1 - t) * (b - a) + 2 * t * (c - b)
    slope /= np.linalg.norm(slope, axis=1, keepdims=True) + 1e-9
    normal = np.stack([-slope[:, 1], slope[:, 0]], axis=1)
    half = (widths[0] + (widths[1] - widths[0]) * t) / 2
    angle = np.arctan2(normal[-1, 1], normal[-1, 0]) - np.linspace(0, np.pi, 8)[1:-1]
    cap = line[-1] + half[-1] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([line + half * normal, cap, (line - half * normal)[::-1]])


def pose_matrix(
    scale: float, angle: float, mirrored: bool, centre: tuple[float, float]
) -> np.ndarray:
    """2x3 matrix from object coordinates to picture pixels.

    Args:
        scale: Pixels per unit.
        angle: Turn in radians.
        mirrored: Whether the head points to the left.
        centre: Where the object's origin goes, in pixels.
    """
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cos, -sin, centre[0]], [sin, cos, centre[1]]], dtype=np.float64)
    if mirrored:
        matrix[:, 0] *= -1
    return matrix


def transform(polygon: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a 2x3 ``matrix`` to a polygon (n, 2)."""
    return polygon @ matrix[:, :2].T + matrix[:, 2]


def fill(mask: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Set ``mask`` (uint8, in place) to 255 in a polygon given in pixels; return the mask."""
    fixed = np.round(polygon * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, lineType=cv2.LINE_8, shift=_SHIFT)
    return mask
