"""Names of picture files: their endings, and what is left without them."""

from __future__ import annotations

import ntpath

__all__ = ['PICTURE_SUFFIXES', 'is_picture', 'picture_stem', 'split_suffix']

#: Endings of picture files, in small letters.
PICTURE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.ppm', '.tif', '.tiff')


def split_suffix(name: str) -> tuple[str, str]:
    """Divide a name into what is before the ending of a picture file, and that ending.

    A name such as ``.jpg`` is that of a hidden file, which has no ending.

    Args:
        name: A file's name or path, with ``/`` or ``\\`` between its parts.

    Returns:
        The name without the ending, and the ending as it is written; the whole name and '' where
        that is none of :data:`PICTURE_SUFFIXES`.
    """
    # Windows' rules on any system: lists that were written there have its slashes.
    stem, suffix = ntpath.splitext(name)
    return (stem, suffix) if suffix.lower() in PICTURE_SUFFIXES else (name, '')


def is_picture(name: str) -> bool:
    """Whether a file's name, or its path, has the ending of a picture file."""
    return split_suffix(name)[1] != ''


def picture_stem(name: str) -> str:
    """The name of a picture without its folder and without the ending of a picture file."""
    return split_suffix(name)[0].replace('\\', '/').rpartition('/')[2]
