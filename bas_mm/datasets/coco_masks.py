"""Class masks from COCO's polygons and run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from .palette import IGNORED

__all__ = ['CocoObject', 'class_mask_of', 'has_pycocotools']

#: index of the class, ``segmentation`` as it stands in the json, whether it is a crowd
CocoObject = tuple[int, Any, bool]


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
        ValueError: A segmentation is neither polygons nor run lengths of that size.
    """
    from pycocotools import mask as masks

    layers = []
    for index, segmentation, crowd in objects:
        runs = _run_lengths(segmentation, height, width)
        if runs is not None:
            ignored = crowd and ignore_crowds
            value = IGNORED if ignored else index + 1
            layers.append((not ignored, -int(masks.area(runs)), value, runs))
    painted = np.zeros((height, width), dtype=np.uint8)
    for _, _, value, runs in sorted(layers, key=lambda layer: layer[:2]):
        painted[masks.decode(runs) > 0] = value
    return painted


def _run_lengths(segmentation: Any, height: int, width: int) -> dict | None:
    """One mask in pycocotools' compressed form; None for nothing that has an area."""
    from pycocotools import mask as masks

    if isinstance(segmentation, dict):
        if list(segmentation.get('size', ())) != [height, width]:
            raise ValueError(
                f'its run lengths are for {segmentation.get("size")}, not for {[height, width]}'
            )
        if isinstance(segmentation['counts'], list):
            return masks.frPyObjects(segmentation, height, width)
        return segmentation
    if not isinstance(segmentation, list):
        raise ValueError('its segmentation is neither polygons nor run lengths')
    # pycocotools takes four numbers for a box; two points have no area.
    polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
    return masks.merge(masks.frPyObjects(polygons, height, width)) if polygons else None
