"""Class masks from COCO's polygons and run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from bas_mm.utils.byte_labels import IGNORED

__all__ = ['CocoObject', 'class_mask_of', 'has_pycocotools']

# No picture is as wide; pycocotools walks along polygons pixel by pixel.
_FARTHEST = 1e5


class CocoObject(NamedTuple):
    """An object as it stands in the json.

    Attributes:
        label: Index of its class.
        segmentation: Its ``segmentation``.
        crowd: Whether it is a crowd.
        annotation: Its ``id``, for messages.
    """

    label: int
    segmentation: Any
    crowd: bool
    annotation: Any = None


def has_pycocotools() -> bool:
    """Whether pycocotools, the extra ``coco``, is installed."""
    return find_spec('pycocotools') is not None


def class_mask_of(
    objects: Sequence[CocoObject], height: int, width: int, ignore_crowds: bool = False
) -> np.ndarray:
    """Paint the objects of a picture, by pycocotools' rules of what is inside.

    Where objects overlap the smaller one is seen.

    Args:
        objects: The objects of the picture.
        height: Height of the picture in pixels.
        width: Its width.
        ignore_crowds: Whether crowds are 255, below all objects, and not their class. Defaults
            to False.

    Returns:
        uint8 (height, width): 0 background, k + 1 class k.

    Raises:
        ValueError: A segmentation is neither polygons nor run lengths of that size; the message
            has the annotation's id.
    """
    from pycocotools import mask as masks

    layers = []
    for item in objects:
        try:
            runs = _run_lengths(item.segmentation, height, width)
        except ValueError as error:
            known = item.annotation is not None
            which = f'annotation {item.annotation}' if known else 'an object without id'
            raise ValueError(f'{which} cannot be painted: {error}') from None
        if runs is not None:
            ignored = item.crowd and ignore_crowds
            value = IGNORED if ignored else item.label + 1
            layers.append((not ignored, -int(masks.area(runs)), value, runs))
    painted = np.zeros((height, width), dtype=np.uint8)
    for _, _, value, runs in sorted(layers, key=lambda layer: layer[:2]):
        painted[masks.decode(runs) > 0] = value
    return painted


def _run_lengths(segmentation: Any, height: int, width: int) -> dict | None:
    """One mask in pycocotools' compressed form; None for nothing that has an area."""
    from pycocotools import mask as masks

    if isinstance(segmentation, dict):
        _check_run_lengths(segmentation, height, width)
        if isinstance(segmentation['counts'], list):
            return masks.frPyObjects(segmentation, height, width)
        return segmentation
    if not isinstance(segmentation, list):
        raise ValueError('its segmentation is neither polygons nor run lengths')
    for polygon in segmentation:
        _check_polygon(polygon)
    # pycocotools takes four numbers for a box; two points have no area.
    polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
    return masks.merge(masks.frPyObjects(polygons, height, width)) if polygons else None


def _check_run_lengths(segmentation: dict, height: int, width: int) -> None:
    """Raise a ValueError where run lengths do not fill the picture: pycocotools takes any."""
    if segmentation.get('size') != [height, width]:
        raise ValueError(
            f'its run lengths are for {segmentation.get("size")}, not for {[height, width]}'
        )
    counts = segmentation.get('counts')
    if isinstance(counts, str):
        counts = _decompressed(counts)
    if not isinstance(counts, list) or not all(type(count) is int for count in counts):
        raise ValueError('its run lengths have no counts: a list of whole numbers, or a text')
    if min(counts, default=0) < 0:
        raise ValueError(f'its run lengths have the negative count {min(counts)}')
    if sum(counts) != height * width:
        raise ValueError(
            f'its run lengths cover {sum(counts)} pixels, but the picture has {height * width}'
        )


def _check_polygon(polygon: Any) -> None:
    """Raise a ValueError for anything but pairs of numbers."""
    try:
        values = np.asarray(polygon) if isinstance(polygon, list) else None
    except ValueError:  # lists of different lengths in it
        values = None
    if values is None or values.ndim != 1 or len(values) % 2:
        raise ValueError('a polygon of it is no list x, y, x, y …')
    # NaN fails here too.
    if len(values) and not (values.dtype.kind in 'iuf' and np.abs(values).max() <= _FARTHEST):
        raise ValueError('a polygon of it has a coordinate that is no number, or far outside')


def _decompressed(text: str) -> list[int]:
    """The counts of COCO's compressed run lengths.

    Six bits a character, the sixth for more to come, the lowest five bits of a number first; from
    the fourth number on the difference to the last but one.

    Raises:
        ValueError: The text is none of these.
    """
    counts: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f'its run lengths have the character {character!r} in their counts')
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        counts.append(number + (counts[-2] if len(counts) > 2 else 0))
        number = shift = 0
    if shift:
        raise ValueError('the counts of its run lengths are cut short')
    return counts
