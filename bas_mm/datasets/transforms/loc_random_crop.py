from __future__ import annotations

import numpy as np
from mmcv.transforms.utils import cache_randomness

from bas_mm.registry import TRANSFORMS

from .loc_crop import LocCrop

__all__ = ['LocRandomCrop']


@TRANSFORMS.register_module()
class LocRandomCrop(LocCrop):
    """Cut a crop out of the picture at random and move its boxes, without clamping them.

    Randomness comes from numpy's global generator, which mmengine seeds in each worker.

    Required Keys:

    - img
    - gt_bboxes (optional)

    Modified Keys:

    - img, img_shape, gt_bboxes

    Added Keys:

    - view_box: where the crop lies in the original picture
    - whole_view: False where the crop is not all of the picture
    - ori_gt_bboxes: the boxes as they were before the first change

    Args:
        crop_size (int | tuple[int, int]): Height and width of the crop in pixels; one number for
            both. Defaults to 224.
    """

    @cache_randomness
    def draw_offset(self, height: int, width: int) -> tuple[int, int]:
        """Draw the crop's first row and column, each place equally likely."""
        top = np.random.randint(height - self.crop_size[0] + 1)  # noqa: NPY002
        left = np.random.randint(width - self.crop_size[1] + 1)  # noqa: NPY002
        return int(top), int(left)

    def transform(self, results: dict) -> dict:
        """Crop ``img`` and move ``gt_bboxes``."""
        self.check_fits(results)
        return self.crop(results, *self.draw_offset(*results['img'].shape[:2]))
