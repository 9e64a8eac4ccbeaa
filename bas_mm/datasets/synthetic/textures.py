"""Body patterns and noise: pure functions of coordinates, or of a generator and a size."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

__all__ = ['PATTERNS', 'banded', 'lined', 'netted', 'smooth_noise', 'spotted']


def _soft(wave: np.ndarray) -> np.ndarray:
    """Steepen a wave so that patterns have clear, but not hard, borders; range [-1, 1]."""
    return np.tanh(2.5 * wave)


def banded(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Wavy bands across the body: one dark and one light per period."""
    return _soft(np.sin(2 * np.pi * (u + 0.12 * np.sin(2 * np.pi * 0.5 * v))))


def lined(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Wavy lines along the body: one dark and one light per period."""
    return _soft(np.sin(2 * np.pi * (v + 0.12 * np.sin(2 * np.pi * 0.5 * u))))


def spotted(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Round spots, every second row moved by half a period."""
    return _soft(2 * np.cos(np.pi * (u + v)) * np.cos(np.pi * (u - v)) - 0.6)


def netted(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A net of diagonal threads."""
    threads = np.maximum(np.cos(np.pi * (u + v)), np.cos(np.pi * (u - v)))
    return _soft(2.2 * (threads - 0.75))


# Each takes coordinates in pattern periods and gives values in [-1, 1], same shape.
PATTERNS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    'banded': banded,
    'lined': lined,
    'netted': netted,
    'spotted': spotted,
}


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Smooth noise in [-1, 1]: a coarse random grid, enlarged.

    Args:
        rng: Source of the random grid.
        shape: Height and width of the result in pixels.
        cells: Side of the grid; more cells, finer noise.

    Returns:
        float32 array of that shape.
    """
    grid = rng.uniform(-1, 1, size=(cells + 1, cells + 1)).astype(np.float32)
    field = cv2.resize(grid, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(field, -1, 1)
