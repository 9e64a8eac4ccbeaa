from __future__ import annotations

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.box_geometry import crop_offset

from .loc_crop import LocCrop

__all__ = ['LocCenterCrop']


@TRANSFORMS.register_module()
class LocCenterCrop(LocCrop):
    """Cut out the middle of the picture and move its boxes.

    The boxes are neither clamped nor cut: :class:`PackLocalizationInputs` does that.

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

    def transform(self, results: dict) -> dict:
        """Crop ``img`` and move ``gt_bboxes``."""
        self.check_fits(results)
        height, width = results['img'].shape[:2]
        return self.crop(
            results,
            crop_offset(height, self.crop_size[0]),
            crop_offset(width, self.crop_size[1]),
        )
