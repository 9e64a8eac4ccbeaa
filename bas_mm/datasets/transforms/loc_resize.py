from __future__ import annotations

import mmcv
from mmcv.transforms import BaseTransform

from bas_mm.registry import TRANSFORMS

from .functional import resize_boxes

__all__ = ['LocResize']


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
            smaller, as torchvision does with pictures of Pillow. Defaults to 'cv2'.
    """

    def __init__(
        self,
        scale: int | tuple[int, int] = (256, 256),
        interpolation: str = 'bilinear',
        backend: str = 'cv2',
    ) -> None:
        self.scale = (scale, scale) if isinstance(scale, int) else tuple(scale)
        if len(self.scale) != 2 or min(self.scale) < 1:
            raise ValueError(f'scale={scale}: a width and a height in pixels are needed')
        self.interpolation = interpolation
        self.backend = backend

    def transform(self, results: dict) -> dict:
        """Resize ``img`` and scale ``gt_bboxes``."""
        img = results['img']
        height, width = img.shape[:2]
        results['img'] = mmcv.imresize(
            img, self.scale, interpolation=self.interpolation, backend=self.backend
        )
        results['img_shape'] = (self.scale[1], self.scale[0])
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
