"""Heads of picture files: opening, and the sizes that they tell."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock
from typing import BinaryIO

from PIL import ExifTags, Image

__all__ = ['open_picture', 'picture_size', 'picture_size_and_orientation']

# Those that EXIF knows.
_ORIENTATIONS = range(1, 9)
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


def picture_size_and_orientation(
    file: str | BinaryIO, decode: bool = False
) -> tuple[int, int, int]:
    """:func:`picture_size`, and how the file notes that the picture is to be shown.

    Args:
        file: Its path, or the open file.
        decode: Whether a PNG is decoded, which may note it behind its pixels, and notes are looked
            for that viewers follow, but not OpenCV, such as XMP. Defaults to False: the EXIF block
            at the beginning, where cameras write it.

    Returns:
        Width and height as stored, and the orientation of EXIF: 1 as stored, which is also that of
        a file without notes or with damaged ones; 2 to 8 turned or mirrored, from 5 on lying on its
        side. 0, 0, 1 for a file that is no picture.
    """
    try:
        with _opened(file) as picture:
            return *picture.size, _orientation(picture, decode)
    except Exception:
        return 0, 0, 1


@contextmanager
def _opened(file: str | BinaryIO) -> Iterator[Image.Image]:
    """:func:`open_picture`, where no thread waits for the disk of another one."""
    with open(file, 'rb') if isinstance(file, str) else nullcontext(file) as opened:
        # The first block is there before the lock is taken: heads are rarely longer.
        opened.seek(0)
        opened.peek(1)
        with open_picture(opened) as picture:
            yield picture


def _orientation(picture: Image.Image, decode: bool) -> int:
    """1 to 8; notes that are damaged say nothing, as for OpenCV."""
    try:
        if decode:
            notes = picture.getexif()
        else:
            notes = Image.Exif()
            notes.load(picture.info.get('exif', b''))
        orientation = notes.get(ExifTags.Base.Orientation)
    except Exception as error:
        if decode and isinstance(error, OSError):
            # A PNG that is cut short.
            raise
        # SyntaxError and struct.error, of notes that are no TIFF.
        return 1
    is_known = isinstance(orientation, int) and orientation in _ORIENTATIONS
    return orientation if is_known else 1
