"""How files and people call classes: names as they are, as one word, or indices.

One rule holds for all of them: names go before indices.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ['class_indices', 'word_of']


def word_of(name: str) -> str:
    """A class name as one word of a list: 'traffic light' is written 'traffic_light'."""
    return '_'.join(name.split())


def class_indices(classes: Sequence[str]) -> dict[str, int]:
    """Name of a class, as it is and as one word -> its index."""
    return {
        **{word_of(name): index for index, name in enumerate(classes)},
        **{name: index for index, name in enumerate(classes)},
    }
