"""Cluttered backgrounds. Nothing here knows the class of the picture."""

from __future__ import annotations

import cv2
import numpy as np

from .shapes import blob, fill, limb
from .textures import smooth_noise

__all__ = ['background', 'muted_colour', 'vivid_colour']


def _hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """One colour as BGR float32 in [0, 255]."""
    pixel = np.array([[[hue * 360.0, saturation, value]]], dtype=np.float32)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0] * 255.0


def muted_colour(rng: np.random.Generator) -> np.ndarray:
    """A dull colour of any hue: fur, earth, stone. BGR float32 in [0, 255]."""
    return _hsv(rng.uniform(), rng.uniform(0.1, 0.45), rng.uniform(0.35, 0.8))


def vivid_colour(rng: np.random.Generator) -> np.ndarray:
    """A bright colour of any hue, as flowers have. BGR float32 in [0, 255]."""
    return _hsv(rng.uniform(), rng.uniform(0.55, 0.95), rng.uniform(0.6, 1.0))


def _outline(rng: np.random.Generator, size: int) -> np.ndarray:
    """Mask (uint8, 0 or 255) of a random clutter shape."""
    mask = np.zeros((size, size), dtype=np.uint8)
    x, y = rng.uniform(0, size, size=2)
    kind = rng.integers(4)
    if kind == 0:  # stone or bush
        axes = rng.uniform(0.05, 0.2, size=2) * size
        fill(mask, blob(rng, (x, y), tuple(axes), wobble=0.25))
    elif kind == 1:  # branch
        reach = rng.uniform(-0.45, 0.45, size=4) * size
        widths = tuple(rng.uniform(0.01, 0.05, size=2) * size)
        fill(mask, limb((x, y), (x + reach[0], y + reach[1]), (x + reach[2], y + reach[3]), widths))
    elif kind == 2:  # angular thing
        corners = rng.integers(3, 6)
        angle = np.sort(rng.uniform(0, 2 * np.pi, size=corners))
        radius = rng.uniform(0.05, 0.18) * size
        fill(mask, np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1))
    else:  # tuft of leaves
        for _ in range(rng.integers(3, 7)):
            tip = (x + rng.normal(0, 0.08) * size, y - rng.uniform(0.05, 0.2) * size)
            bend = (x, y - 0.06 * size)
            fill(mask, limb((x, y), bend, tip, (0.02 * size, 0.006 * size)))
    return mask


def _add_distractor(image: np.ndarray, rng: np.random.Generator) -> None:
    """Paint one clutter shape, mottled, into ``image`` (in place)."""
    mask = _outline(rng, len(image))
    colour = vivid_colour(rng) if rng.uniform() < 0.3 else muted_colour(rng)
    strength, cells = rng.uniform(0.0, 0.25), int(rng.integers(3, 9))
    # Only its rectangle is touched: there are about ten shapes in a picture.
    x, y, width, height = cv2.boundingRect(mask)
    if width and height:
        mottle = smooth_noise(rng, (height, width), cells)
        inside = mask[y : y + height, x : x + width] > 0
        shade = 1 + strength * mottle[inside][:, None]
        image[y : y + height, x : x + width][inside] = colour * shade


def _ground(rng: np.random.Generator, size: int) -> np.ndarray:
    """Patches of three dull colours with noise of two grains: BGR float32 (size, size, 3)."""
    side = (size, size)
    near, far, third = (muted_colour(rng) for _ in range(3))
    mix = 0.5 + 0.5 * np.tanh(3 * smooth_noise(rng, side, int(rng.integers(2, 6))))
    image = near * mix[..., None] + far * (1 - mix[..., None])
    patches = 0.5 + 0.5 * np.tanh(4 * (smooth_noise(rng, side, int(rng.integers(4, 10))) - 0.4))
    image += (third - image) * patches[..., None]
    for cells in (12, 40):
        image *= 1 + 0.12 * smooth_noise(rng, side, cells)[..., None]
    return image


def background(
    rng: np.random.Generator, size: int, oversampling: int, num_distractors: int
) -> np.ndarray:
    """A patchy ground of dull colours with clutter on it.

    Args:
        rng: Source of everything random.
        size: Side of the finished picture in pixels.
        oversampling: How many times larger it is painted.
        num_distractors: Number of clutter shapes.

    Returns:
        BGR float32, ``oversampling * size`` pixels square, about [0, 255].
    """
    side = (size * oversampling, size * oversampling)
    # The ground has no sharp edges, so it needs no oversampling.
    image = cv2.resize(_ground(rng, size), side, interpolation=cv2.INTER_LINEAR)
    for _ in range(num_distractors):
        _add_distractor(image, rng)
    return image
