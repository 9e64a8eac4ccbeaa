from __future__ import annotations

import numpy as np

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.box_geometry import crop_offset

from .loc_crop import LocCrop

__all__ = ['LocTenCrop']


@TRANSFORMS.register_module()
class LocTenCrop(LocCrop):
    """Ten crops of the picture for test-time augmentation of the class scores.

    The order is torchvision's: upper left, upper right, lower left, lower right, centre of the
    picture, then the same five of its mirror image. Crop 4 is that of :class:`LocCenterCrop`, and
    the boxes are moved into it.

    Required Keys:

    - img
    - gt_bboxes (optional)

    Modified Keys:

    - img: (10, h, w, 3)
    - img_shape: (h, w)
    - gt_bboxes

    Added Keys:

    - view_box: where the centre crop lies in the original picture
    - whole_view: False where the crop is not all of the picture
    - ori_gt_bboxes: the boxes as they were before the first change

    Args:
        crop_size (int | tuple[int, int]): Height and width of the crops in pixels; one number for
            both. Defaults to 224.
    """

    def transform(self, results: dict) -> dict:
        """Replace ``img`` by its ten crops and move ``gt_bboxes`` into the centre crop."""
        self.check_fits(results)
        img = results['img']
        crop_height, crop_width = self.crop_size
        bottom, right = img.shape[0] - crop_height, img.shape[1] - crop_width
        middle = crop_offset(img.shape[0], crop_height), crop_offset(img.shape[1], crop_width)
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), middle]
        results['img'] = np.stack(
            [
                picture[top : top + crop_height, left : left + crop_width]
                for picture in (img, img[:, ::-1])
                for top, left in corners
            ]
        )
        return self.move_boxes(results, *middle)
