"""Pictures that benchmarks read from files."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from bas_mm.utils.worker_processes import usable_cores

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
    names = list(names)
    # Drawn one after the other, and so the same whatever thread is first.
    colours = [rng.integers(0, 256, cells).astype(np.uint8) for _ in names]

    def write(name: str, colours: np.ndarray) -> None:
        cv2.imwrite(str(folder / name), cv2.resize(colours, size[::-1]))

    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(write, names, colours))  # raises what they raised
