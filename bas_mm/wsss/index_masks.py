"""Masks in files: pictures whose pixels are indices of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bas_mm.utils.palette import read_palette_png

__all__ = ['read_index_mask']


def read_index_mask(path: str | Path) -> np.ndarray:
    """Indices of a palette picture (or of a grey one): (h, w) uint8.

    Raises:
        ValueError: The file is missing, damaged or has colours in place of indices.
    """
    try:
        return read_palette_png(path)
    except FileNotFoundError:
        raise ValueError(f'there is no mask {path}') from None
    except OSError as error:
        raise ValueError(f'the mask {path} cannot be read: {error}') from None
