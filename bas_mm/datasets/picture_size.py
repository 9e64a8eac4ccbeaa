"""Heads of picture files: opening, and the sizes that they tell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import BinaryIO

from PIL import ExifTags, Image

__all__ = ['open_picture', 'picture_size', 'picture_size_and_side', 'picture_size_and_turn']

# From this orientation on a picture is to be shown lying on its side.
_ON_ITS_SIDE = 5
# All but the one in which it is stored.
_TURNED = range(2, 9)
# Pillow's limit belongs to all threads: two that change it at the same time would leave it changed
# for good.
_LIMIT_LOCK = Lock()


def open_picture(file: str | BinaryIO) -> Image.Image:
    """Open a picture of any number of pixels with Pillow.

    Pillow warns of pictures above 89 million pixels and refuses them above 179 million, though
    nothing is decoded yet. OpenCV, which decodes the pictures, takes more of them.

    Args:
        file: The file's path, or the file.

    Raises:
        Exception: It is no picture. Pillow's plug-ins raise OSError, SyntaxError, ValueError,
            struct.error and others.
    """
    with _LIMIT_LOCK:
        # A number, as another thread may calculate with it at this moment.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, sys.maxsize
        try:
            return Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def picture_size(path: str) -> tuple[int, int]:
    """Width and height as stored; 0, 0 for a file that is no picture.

    Such a file is dealt with where pictures are read, because training may pass over it.
    """
    try:
        with _opened(path) as picture:
            return picture.size
    except Exception:
        return 0, 0


def picture_size_and_side(path: str) -> tuple[int, int, bool]:
    """:func:`picture_size`, and whether the file notes that it is to be shown lying on its side."""
    try:
        with _opened(path) as picture:
            return *picture.size, _is_on_its_side(picture)
    except Exception:
        return 0, 0, False


def picture_size_and_turn(path: str) -> tuple[int, int, bool]:
    """:func:`picture_size`, and whether the file notes that it is to be turned or mirrored.

    Nothing is decoded: what a PNG notes behind its pixels is not seen. Cameras write JPEG.
    """
    try:
        with _opened(path) as picture:
            size, turned = picture.size, False
            with suppress(Exception):  # of damaged notes
                notes = Image.Exif()
                notes.load(picture.info.get('exif', b''))
                turned = notes.get(ExifTags.Base.Orientation) in _TURNED
            return *size, turned
    except Exception:
        return 0, 0, False


@contextmanager
def _opened(path: str) -> Iterator[Image.Image]:
    """:func:`open_picture` of a path, where no thread waits for the disk of another one."""
    with open(path, 'rb') as file:
        # The first block is there before the lock is taken: heads are rarely longer.
        file.peek(1)
        with open_picture(file) as picture:
            yield picture


def _is_on_its_side(picture: Image.Image) -> bool:
    """Whether the file notes so; one whose notes are damaged notes nothing, as for OpenCV."""
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except OSError:
        # A PNG may note it at its end: it is decoded to get there, and is cut short.
        raise
    except Exception:
        # SyntaxError and struct.error, of notes that are no TIFF.
        return False
    return isinstance(orientation, int) and orientation >= _ON_ITS_SIDE
