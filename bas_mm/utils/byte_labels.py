"""Label maps of bytes: 0 background, k + 1 class k, 255 unsure."""

from __future__ import annotations

__all__ = ['require_byte_label']


def require_byte_label(highest: int) -> None:
    """Raise a ValueError where a byte has no label for class ``highest``, which is above 253."""
    if highest > 253:
        raise ValueError(
            f'a label map is of bytes, 0 the background and 255 unsure: it has no place for class '
            f'{highest}, only for classes 0 to 253'
        )
