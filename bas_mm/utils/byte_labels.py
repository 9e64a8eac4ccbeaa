"""Label maps and masks of bytes: 0 background, k + 1 class k (or 1 object), 255 ignored."""

from __future__ import annotations

__all__ = ['IGNORED', 'require_byte_label']

#: Value of pixels that count nowhere: nobody is sure what they show.
IGNORED = 255


def require_byte_label(highest: int) -> None:
    """Raise a ValueError where a byte has no label for class ``highest``, which is above 253."""
    if highest > 253:
        raise ValueError(
            f'a label map is of bytes, 0 the background and 255 unsure: it has no place for class '
            f'{highest}, only for classes 0 to 253'
        )
