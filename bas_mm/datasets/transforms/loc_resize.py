from __future__ import annotations

import mmcv
import numpy as np
from mmcv.image.geometric import cv2_interp_codes, pillow_interp_codes
from mmcv.transforms import BaseTransform

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.arguments import two_sides
from bas_mm.utils.box_geometry import resize_boxes

from .resize_torchvision import TORCHVISION_INTERPOLATIONS, resize_picture_torchvision
from .view_tracking import follow_view

__all__ = ['LocResize']

# Of each backend.
_INTERPOLATIONS = {
    'cv2': tuple(cv2_interp_codes),
    'pillow': tuple(pillow_interp_codes),
    'torchvision': TORCHVISION_INTERPOLATIONS,
}


@TRANSFORMS.register_module()
class LocResize(BaseTransform):
    """Resize the picture, its aspect ignored, and its boxes with it.

    Followed by :class:`PackLocalizationInputs` without a crop this is the recipe for OpenImages.

    Required Keys:

    - img
    - gt_bboxes (optional)

    Modified Keys:

    - img, img_shape
    - gt_bboxes: float64, ``box * new / old``, not rounded

    Added Keys:

    - ori_gt_bboxes: the boxes as they were before the first change
    - view_box: where the picture as it is now lies in the original one

    Args:
        scale (int | tuple[int, int]): New width and height in pixels; one number for both.
            Defaults to (256, 256).
        interpolation (str): How :func:`mmcv.imresize` interpolates. Defaults to 'bilinear'.
        backend (str): 'cv2', or 'pillow', which averages over all pixels when it makes a picture
            smaller, as torchvision does with pictures of Pillow; or 'torchvision', which averages
            like Pillow, rounds a few values (with torch 2.8 and before up to a quarter of them) to
            the next grey level, and takes about a quarter of the time. Defaults to 'cv2'.

    Raises:
        ValueError: The scale is no size, or there is no such backend or interpolation.
    """

    def __init__(
        self,
        scale: int | tuple[int, int] = (256, 256),
        interpolation: str = 'bilinear',
        backend: str = 'cv2',
    ) -> None:
        sides = two_sides(scale)
        if sides is None:
            raise ValueError(f'scale={scale}: a width and a height in pixels are needed')
        if backend not in tuple(_INTERPOLATIONS):
            raise ValueError(f'backend={backend!r}: {", ".join(_INTERPOLATIONS)} are there')
        if interpolation not in _INTERPOLATIONS[backend]:
            *others, last = _INTERPOLATIONS[backend]
            raise ValueError(
                f'interpolation={interpolation!r}: the backend {backend!r} has '
                f'{", ".join(others)} and {last}'
            )
        self.scale = sides
        self.interpolation = interpolation
        self.backend = backend

    def transform(self, results: dict) -> dict:
        """Resize ``img`` and scale ``gt_bboxes``."""
        img = results['img']
        return self.put_picture(results, self.resize_picture(img), img.shape[:2])

    def resize_picture(self, img: np.ndarray) -> np.ndarray:
        """Resize a picture.

        Args:
            img: (H, W, 3).

        Returns:
            (h, w, 3), of the same type.
        """
        if self.backend == 'torchvision':
            return resize_picture_torchvision(img, self.scale, self.interpolation)
        return mmcv.imresize(
            img, self.scale, interpolation=self.interpolation, backend=self.backend
        )

    def put_picture(self, results: dict, img: np.ndarray, old_shape: tuple[int, int]) -> dict:
        """Put the resized picture in the place of that before, and scale ``gt_bboxes``.

        Args:
            results: Of the pipeline.
            img: (h, w, 3).
            old_shape: Height and width of the picture before.
        """
        height, width = old_shape
        results['img'] = img
        results['img_shape'] = (self.scale[1], self.scale[0])
        follow_view(results, old_shape, results['img_shape'])
        # It shows the same part of the original picture as before.
        results.setdefault('view_box', (0.0, 0.0, float(width), float(height)))
        if results.get('gt_bboxes') is not None:
            results.setdefault('ori_gt_bboxes', results['gt_bboxes'])
            results['gt_bboxes'] = resize_boxes(results['gt_bboxes'], (width, height), self.scale)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(scale={self.scale}, interpolation={self.interpolation!r}, '
            f'backend={self.backend!r})'
        )
