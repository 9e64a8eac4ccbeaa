"""The eight heads. A head is the one part that only its class has.

A head is a list of layers ``(polygon, BGR colour)``, painted in order, in head coordinates: the
head is about a unit disc at the origin, the snout points to +x, y points down.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .shapes import ellipse, limb

__all__ = ['HEADS', 'Layer']

Layer = tuple[np.ndarray, tuple[float, float, float]]

_BLACK = (25.0, 25.0, 25.0)
_WHITE = (240.0, 240.0, 240.0)


def _polygon(*points: tuple[float, float]) -> np.ndarray:
    return np.array(points, dtype=np.float64)


def _eye(x: float, y: float, radius: float = 0.14) -> list[Layer]:
    return [
        (ellipse((x, y), (radius, radius)), _BLACK),
        (ellipse((x + 0.04, y - 0.05), (radius / 3, radius / 3)), _WHITE),
    ]


def fox() -> list[Layer]:
    """Orange, two pointed ears, a white pointed snout."""
    orange = (40.0, 120.0, 235.0)
    return [
        (_polygon((-0.75, -0.4), (-0.6, -1.45), (-0.05, -0.75)), orange),
        (_polygon((-0.1, -0.75), (0.35, -1.4), (0.55, -0.5)), orange),
        (ellipse((0, 0), (0.9, 0.85)), orange),
        (_polygon((0.25, 0.75), (1.35, 0.3), (0.75, -0.15), (0.1, 0.2)), _WHITE),
        (ellipse((1.25, 0.27), (0.17, 0.15)), _BLACK),
        *_eye(0.3, -0.25),
    ]


def owl() -> list[Layer]:
    """A pale disc with two huge eyes and a small beak."""
    pale = (190.0, 225.0, 245.0)
    layers: list[Layer] = [(ellipse((0, 0), (1.05, 1.0)), (60.0, 85.0, 120.0))]
    for x in (-0.42, 0.45):
        layers += [
            (ellipse((x, -0.1), (0.52, 0.6)), pale),
            (ellipse((x, -0.1), (0.32, 0.32)), (20.0, 190.0, 250.0)),
            (ellipse((x, -0.1), (0.17, 0.17)), _BLACK),
        ]
    return [*layers, (_polygon((-0.15, 0.2), (0.2, 0.2), (0.03, 0.65)), (40.0, 60.0, 80.0))]


def parrot() -> list[Layer]:
    """Red, a hooked yellow beak, a white cheek."""
    return [
        (ellipse((0, 0), (0.9, 0.95)), (35.0, 30.0, 215.0)),
        (ellipse((0.3, 0.0), (0.45, 0.5)), _WHITE),
        (limb((0.55, -0.05), (1.5, -0.2), (1.15, 0.75), (0.75, 0.1)), (30.0, 205.0, 250.0)),
        *_eye(0.25, -0.15, 0.16),
    ]


def panda() -> list[Layer]:
    """White with round black ears and a black patch around the eye."""
    return [
        (ellipse((-0.65, -0.75), (0.38, 0.38)), _BLACK),
        (ellipse((0.5, -0.8), (0.38, 0.38)), _BLACK),
        (ellipse((0, 0), (1.0, 0.92)), _WHITE),
        (ellipse((-0.38, -0.1), (0.24, 0.32), 0.5), _BLACK),
        (ellipse((0.42, -0.1), (0.24, 0.32), -0.5), _BLACK),
        (ellipse((0.1, 0.4), (0.18, 0.13)), _BLACK),
    ]


def ram() -> list[Layer]:
    """Dark brown with a pale curled horn."""
    horn, dark = (170.0, 215.0, 235.0), (45.0, 65.0, 95.0)
    return [
        (ellipse((0.25, 0.2), (1.0, 0.62), 0.45), dark),
        (ellipse((-0.3, -0.2), (0.8, 0.8)), horn),
        (ellipse((-0.22, -0.12), (0.45, 0.45)), dark),
        (ellipse((-0.12, -0.05), (0.22, 0.22)), horn),
        *_eye(0.65, 0.05, 0.13),
    ]


def frog() -> list[Layer]:
    """Bright green, wide mouth, bulging eyes on top."""
    green = (60.0, 205.0, 85.0)
    layers: list[Layer] = [(ellipse((0.1, 0.15), (1.15, 0.78)), green)]
    for x in (-0.4, 0.55):
        layers += [
            (ellipse((x, -0.6), (0.4, 0.4)), green),
            (ellipse((x, -0.62), (0.24, 0.24)), (40.0, 220.0, 240.0)),
            (ellipse((x, -0.62), (0.11, 0.16)), _BLACK),
        ]
    return [*layers, (limb((-0.6, 0.3), (0.2, 0.75), (1.1, 0.2), (0.1, 0.1)), (30.0, 60.0, 120.0))]


def heron() -> list[Layer]:
    """Blue with a long straight beak and a crest."""
    blue = (215.0, 120.0, 40.0)
    return [
        (limb((-0.3, -0.5), (-0.9, -0.9), (-1.4, -0.7), (0.45, 0.08)), (90.0, 40.0, 15.0)),
        (_polygon((0.4, -0.45), (2.0, 0.2), (0.4, 0.4)), (60.0, 170.0, 245.0)),
        (ellipse((0, 0), (0.85, 0.8)), blue),
        (ellipse((0.1, 0.4), (0.5, 0.3)), _WHITE),
        *_eye(0.3, -0.2),
    ]


def lion() -> list[Layer]:
    """A yellow face inside a dark red mane."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = np.where(np.arange(24) % 2, 1.05, 1.35)
    mane = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return [
        (mane, (30.0, 45.0, 120.0)),
        (ellipse((0.15, 0.05), (0.75, 0.72)), (70.0, 195.0, 245.0)),
        (ellipse((0.5, 0.3), (0.32, 0.25)), (190.0, 225.0, 245.0)),
        (ellipse((0.65, 0.2), (0.14, 0.1)), _BLACK),
        *_eye(0.3, -0.2),
    ]


HEADS: dict[str, Callable[[], list[Layer]]] = {
    'fox': fox,
    'frog': frog,
    'heron': heron,
    'lion': lion,
    'owl': owl,
    'panda': panda,
    'parrot': parrot,
    'ram': ram,
}
