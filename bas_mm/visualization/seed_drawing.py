"""Drawing of a picture's seeds: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bas_mm.utils.palette import colour_map

from .functional import add_caption, enlarge, overlay_map, side_by_side

__all__ = ['draw_seeds', 'lay_labels']


def lay_labels(image: np.ndarray, labels: np.ndarray, alpha: float = 0.65) -> np.ndarray:
    """Lay the colours of a label map over its picture, PASCAL VOC's; background is left alone.

    Args:
        image (np.ndarray): (H, W, 3) uint8, RGB.
        labels (np.ndarray): (H, W) uint8, 0 for background.
        alpha (float): Weight of the colours, in [0, 1].

    Returns:
        np.ndarray: (H, W, 3) uint8.
    """
    mixed = (image * (1 - alpha) + colour_map()[labels] * alpha).astype(np.uint8)
    return np.where((labels > 0)[..., None], mixed, image)


def draw_seeds(
    name: str,
    image: np.ndarray,
    labels: np.ndarray,
    maps: np.ndarray | Sequence[np.ndarray],
    classes: Sequence[int],
    captions: Sequence[str],
) -> np.ndarray:
    """A picture, its label map, and the map of each of its classes, side by side.

    Args:
        name (str): Caption of the picture.
        image (np.ndarray): (H, W, 3) uint8, RGB.
        labels (np.ndarray): (H, W) uint8: 0 background, k + 1 class k.
        maps (np.ndarray | Sequence[np.ndarray]): (K, h, w) of the classes; resized to the picture.
        classes (Sequence[int]): The K classes.
        captions (Sequence[str]): Their names.

    Returns:
        np.ndarray: (H', W', 3) uint8, RGB.
    """
    large, factor = enlarge(image)
    # Blocks, as of the picture.
    labels = labels.repeat(factor, axis=0).repeat(factor, axis=1)
    colours = colour_map()
    legend = [
        (caption, tuple(colours[label + 1].tolist())) for label, caption in zip(classes, captions)
    ]
    rows = max(1, len(legend))
    panels = [
        add_caption(large, [name], rows),
        add_caption(lay_labels(large, labels), legend or ['no class'], rows),
    ]
    for localization_map, entry in zip(maps, legend):
        panels.append(add_caption(overlay_map(large, localization_map), [entry], rows))
    return side_by_side(panels)
