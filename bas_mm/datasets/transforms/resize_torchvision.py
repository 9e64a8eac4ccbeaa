"""Resizing by torchvision's kernels for uint8, on arrays."""

from __future__ import annotations

import numpy as np
import torch

__all__ = ['TORCHVISION_INTERPOLATIONS', 'resize_picture_torchvision']

#: Those that average when they make a picture smaller.
TORCHVISION_INTERPOLATIONS = ('bilinear', 'bicubic')


def resize_picture_torchvision(
    img: np.ndarray, scale: tuple[int, int], interpolation: str = 'bilinear'
) -> np.ndarray:
    """Resize a picture by :func:`torchvision.transforms.v2.functional.resize`, antialiased.

    Args:
        img: (H, W, C).
        scale: New width and height in pixels.
        interpolation: One of :data:`TORCHVISION_INTERPOLATIONS`.

    Returns:
        (h, w, C), of the same type. With uint8 a value differs from Pillow's by one at most.
    """
    from torchvision.transforms.v2 import functional

    # The channels stay last in memory: no copy, and the quick kernel. torch knows no negative
    # strides, which mirrored pictures have.
    picture = torch.from_numpy(np.ascontiguousarray(img)).permute(2, 0, 1)
    resized = functional.resize(
        picture,
        [scale[1], scale[0]],
        interpolation=functional.InterpolationMode(interpolation),
        antialias=True,
    )
    return np.ascontiguousarray(resized.permute(1, 2, 0).numpy())
