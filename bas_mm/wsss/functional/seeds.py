"""Seeds from localization maps (spec wsss.md, section 3): sizes, merging, normalising, fusing.

Torch is imported where maps are resized: the processes that fuse seeds do without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from .seed_sizes import HIGH_RES_STEP, strided_size

if TYPE_CHECKING:
    import torch

__all__ = ['EPSILON', 'fuse_maps', 'merge_scales', 'normalise_maps', 'resize_maps']

#: What is added to a map's maximum before the map is divided by it.
EPSILON = 1e-5

_Maps = TypeVar('_Maps', 'torch.Tensor', np.ndarray)


def merge_scales(
    maps: Sequence[torch.Tensor], size: tuple[int, int]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum the maps of all scales at the two sizes of seeds.

    Args:
        maps (Sequence[Tensor]): (K, h_s, w_s) of each scale, at the network's own resolution.
        size (tuple[int, int]): Height h and width w of the picture in pixels.

    Returns:
        tuple[Tensor, Tensor]: strided (K, ceil(h / 4), ceil(w / 4)) and high_res (K, h, w), both
        float32, not normalised. The latter is resized to the next multiples of 16 and cut.

    Raises:
        ValueError: If there is no map.
    """
    if not len(maps):
        raise ValueError('there is no map to merge')
    height, width = size
    whole = tuple(-(-length // HIGH_RES_STEP) * HIGH_RES_STEP for length in size)
    strided = high_res = 0
    for scale_maps in maps:
        scale_maps = scale_maps.float()
        strided = strided + resize_maps(scale_maps, strided_size(height, width))
        high_res = high_res + resize_maps(scale_maps, whole)
    return strided, high_res[:, :height, :width]


def resize_maps(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear resize of maps, corners not aligned.

    Args:
        maps (Tensor): (K, h, w).
        size (tuple[int, int]): New height and width.

    Returns:
        Tensor: (K, H, W) of the new size; ``maps`` itself where it has that size.
    """
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    import torch.nn.functional as F

    return F.interpolate(maps[None], size=tuple(size), mode='bilinear', align_corners=False)[0]


def normalise_maps(maps: _Maps) -> _Maps:
    """Divide each map by its maximum + 1e-5. A map of zeros stays one.

    Args:
        maps (Tensor | np.ndarray): (K, h, w), non-negative.

    Returns:
        Tensor | np.ndarray: (K, h, w) in [0, 1], of the type of ``maps``.
    """
    if isinstance(maps, np.ndarray):
        return maps / (maps.max((-2, -1), keepdims=True) + maps.dtype.type(EPSILON))
    return maps / (maps.amax((-2, -1), keepdim=True) + EPSILON)


def fuse_maps(maps: _Maps, other: _Maps) -> _Maps:
    """Fuse the maps of two methods, each normalised: add them, normalise the sum.

    Args:
        maps (Tensor | np.ndarray): (K, h, w), of :func:`normalise_maps`. Faint maps would not stay
            as they are if they were normalised again.
        other (Tensor | np.ndarray): Likewise, of the same classes in the same order.

    Returns:
        Tensor | np.ndarray: (K, h, w) in [0, 1].

    Raises:
        ValueError: If the shapes differ.
    """
    if maps.shape != other.shape:
        raise ValueError(
            f'maps to be fused differ in shape: {tuple(maps.shape)} and {tuple(other.shape)}'
        )
    return normalise_maps(maps + other)
