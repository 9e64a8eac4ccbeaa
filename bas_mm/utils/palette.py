"""Class masks as palette pictures: the colours of PASCAL VOC, and PNG files that hold indices."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ['colour_map', 'encode_palette_png', 'read_palette_png']


def colour_map(count: int = 256) -> np.ndarray:
    """The colours of PASCAL VOC.

    Bit 0, 3, 6 ... of an index are the bits 7, 6, 5 ... of red; bit 1, 4, 7 of green; bit 2, 5 of
    blue.

    Args:
        count: How many colours, up to 256. Defaults to 256.

    Returns:
        (count, 3) uint8, RGB.
    """
    if not 1 <= count <= 256:
        raise ValueError(f'count={count}: a palette has 1 to 256 colours')
    index = np.arange(count)
    colours = np.zeros((count, 3), dtype=np.uint8)
    for channel in range(3):
        for step in range(8):
            bit = 3 * step + channel
            if bit < 8:
                colours[:, channel] |= ((index >> bit & 1) << (7 - step)).astype(np.uint8)
    return colours


def encode_palette_png(mask: np.ndarray) -> bytes:
    """Make a PNG file of indices, shown in :func:`colour_map`'s colours.

    Args:
        mask: uint8 (H, W).

    Raises:
        ValueError: It is something else.
    """
    if mask.dtype != np.uint8 or mask.ndim != 2:
        raise ValueError(f'a mask is uint8 (H, W), got {mask.dtype} {mask.shape}')
    picture = Image.fromarray(np.ascontiguousarray(mask)).convert('L')
    # Pillow keeps the values: a grey picture becomes an indexed one with its own palette.
    picture.putpalette(colour_map().tobytes())
    file = io.BytesIO()
    picture.save(file, format='PNG')
    return file.getvalue()


def read_palette_png(file: str | Path) -> np.ndarray:
    """Read the indices of a palette PNG, or the values of a grey one.

    Args:
        file: The file.

    Returns:
        uint8 (H, W).

    Raises:
        ValueError: The picture has colours in place of indices.
        OSError: The file is missing, damaged or no picture.
    """
    try:
        with Image.open(file) as picture:
            if picture.mode not in ('P', 'L'):
                raise ValueError(
                    f'{file}: a mask holds indices (palette or 8-bit grey), this one has the mode '
                    f'{picture.mode}. Write it as a palette PNG'
                )
            return np.asarray(picture)
    except SyntaxError as error:  # Pillow's, of damaged chunks
        raise OSError(f'{file}: {error}') from error
