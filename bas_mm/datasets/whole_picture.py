"""Whether picture files are whole."""

from __future__ import annotations

import os
from typing import BinaryIO

from .errors import UnreadableImageError, without_objects
from .picture_size import open_picture, picture_size_and_orientation

__all__ = ['look_at_picture', 'require_whole', 'undecodable']

# How a file of one of the two usual formats begins and ends.
_JPEG = (b'\xff\xd8', b'\xff\xd9')
_PNG = (b'\x89PNG', b'IEND\xaeB`\x82')
_TAIL = 64
# What telephones and the web write, by the second word behind the length of the first block.
_HEIF_BRANDS = {b'heic', b'heix', b'heim', b'heis', b'hevc', b'mif1', b'msf1', b'avif', b'avis'}


def look_at_picture(path: str) -> tuple[int, int, int, str]:
    """Size and orientation of a picture, or why it cannot be read.

    Of a whole JPEG or PNG only the beginning and the end are read: what is broken between them is
    not seen.

    Args:
        path: The file.

    Returns:
        Width and height as stored, the orientation that
        :func:`~bas_mm.datasets.picture_size.picture_size_and_orientation` tells, and ''; 0, 0, 1
        and the reason where the file cannot be opened, or is empty, no picture or cut short.
    """
    try:
        if not os.path.getsize(path):
            return 0, 0, 1, 'the file is empty'
        with open(path, 'rb') as file:
            reason = _why_not_whole(file)
            if reason:
                return 0, 0, 1, reason
            head = picture_size_and_orientation(file)
    except OSError as error:
        return 0, 0, 1, str(error.strerror)
    return *head, '' if all(head[:2]) else 'it is no picture'


def require_whole(file: BinaryIO, path: str) -> None:
    """Refuse a picture that was cut short, which some decoders let pass.

    The end marker of JPEG and PNG files is looked for, and only where it is missing does Pillow
    decode the file strictly.

    Args:
        file: The open file.
        path: Its path, for the message.

    Raises:
        UnreadableImageError: It is cut short, or no picture.
    """
    reason = _why_not_whole(file)
    if reason:
        raise UnreadableImageError.of(path, reason)


def undecodable(path: str, content: bytes, reason: str) -> UnreadableImageError:
    """Make the error for a file that is not decoded, which may be none that decoders know.

    Args:
        path: The file.
        content: What it holds, or the beginning of that.
        reason: What the decoder says.
    """
    return UnreadableImageError.of(path, _reason_of(content, reason))


def _why_not_whole(file: BinaryIO) -> str:
    """What :func:`require_whole` says of an open file; '' if it is whole."""
    start = file.read(12)
    if _ends_as_it_should(start, file):
        return ''
    file.seek(0)
    try:
        with open_picture(file) as picture:
            picture.load()
    except Exception as error:
        # Pillow's plug-ins raise OSError, SyntaxError, ValueError, struct.error and others.
        return _reason_of(start, without_objects(f'{type(error).__name__}: {error}'))
    return ''


def _reason_of(content: bytes, reason: str) -> str:
    """What a decoder says, or the kind of picture where it is one that decoders may not know."""
    if content[4:8] == b'ftyp' and content[8:12] in _HEIF_BRANDS:
        return 'it is a HEIC or AVIF picture, whatever its name says: convert it to JPEG'
    return reason


def _ends_as_it_should(start: bytes, file: BinaryIO) -> bool:
    """Whether a file of one of the two usual formats ends with its end marker."""
    for begin, end in (_JPEG, _PNG):
        if start.startswith(begin):
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            # Padding after the marker does no harm.
            return file.read().rstrip(b'\x00\n\r').endswith(end)
    return False
