"""Reading of mask files."""

from __future__ import annotations

import cv2
import numpy as np
from mmengine import fileio

from .errors import UnreadableImageError

__all__ = ['decode_mask', 'read_object_mask']


def read_object_mask(path: str, threshold: int, backend_args: dict | None = None) -> np.ndarray:
    """:func:`decode_mask` of a file.

    Args:
        path (str): Its path, or its address in mmengine's file backend.
        threshold (int): Pixels above this level of 255 are the object, 0 to 254.
        backend_args (dict, optional): Arguments of mmengine's file backend. Defaults to None.

    Raises:
        UnreadableImageError: It is missing, or no mask.
    """
    try:
        content = fileio.get(path, backend_args=backend_args)
    except OSError as error:
        raise UnreadableImageError.of(path, str(error)) from error
    return decode_mask(content, threshold, path)


def decode_mask(content: bytes, threshold: int, path: str) -> np.ndarray:
    """Where a mask file has an object, as its picture is seen.

    A pixel's level is its gray value, and of colours the largest of red, green and blue, so that
    every class of a palette but a black one is an object. Of a JPEG, whose colours stray around an
    object, it is the luminance, which strays less: a threshold helps. Files of 16 bits are read as
    such: a threshold is a level of 255, and means the same share of 65535 there. An alpha channel
    and the orientation noted in a file are ignored, as pictures' are.

    Args:
        content (bytes): The file.
        threshold (int): Pixels above this level are the object, 0 to 254.
        path (str): Its name, for messages.

    Returns:
        np.ndarray: (H, W), bool.

    Raises:
        UnreadableImageError: It is no picture, or not one of unsigned numbers of 8 or 16 bits.
    """
    picture = None
    if content:
        is_jpeg = content.startswith(b'\xff\xd8')
        gray = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
        flags = gray if is_jpeg else cv2.IMREAD_UNCHANGED
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    if picture is None:
        raise UnreadableImageError.of(path, 'it cannot be decoded')
    if picture.dtype.kind != 'u':
        raise UnreadableImageError.of(
            path, f'a mask has unsigned numbers of 8 or 16 bits, not {picture.dtype}'
        )
    level = picture if picture.ndim == 2 else picture[..., :3].max(axis=-1)
    return level > threshold * (np.iinfo(level.dtype).max // 255)
