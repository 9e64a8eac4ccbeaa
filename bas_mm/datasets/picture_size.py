"""Sizes of pictures from the heads of their files."""

from __future__ import annotations

from PIL import ExifTags, Image

__all__ = ['picture_size']

# From this orientation on a picture is to be shown lying on its side.
_ON_ITS_SIDE = 5


def picture_size(path: str, if_on_its_side: bool = True) -> tuple[int, int]:
    """Width and height as stored; 0, 0 for a file that is no picture.

    Such a file is dealt with where pictures are read, because training may pass over it.

    Args:
        path: The file.
        if_on_its_side: Whether the size is told of a picture that its file notes to be shown
            lying on its side; else it is 0, 0, too.
    """
    try:
        with Image.open(path) as picture:
            if not if_on_its_side:
                orientation = picture.getexif().get(ExifTags.Base.Orientation)
                if isinstance(orientation, int) and orientation >= _ON_ITS_SIDE:
                    return 0, 0
            return picture.size
    except OSError:
        return 0, 0
