"""Pictures that benchmarks read from files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

__all__ = ['write_pictures']


def write_pictures(
    folder: Path, names: Iterable[str], size: tuple[int, int], rng: np.random.Generator
) -> None:
    """Write pictures of some detail: random colours, six pixels apart.

    Args:
        folder: Is made.
        names: Of the files, with a suffix such as ``.jpg``.
        size: Height and width.
        rng: Draws the colours.
    """
    folder.mkdir(parents=True)
    cells = max(1, size[0] // 6), max(1, size[1] // 6), 3
    for name in names:
        picture = cv2.resize(rng.integers(0, 256, cells).astype(np.uint8), size[::-1])
        cv2.imwrite(str(folder / name), picture)
