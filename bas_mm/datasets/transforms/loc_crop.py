from __future__ import annotations

from mmcv.transforms import BaseTransform

from bas_mm.utils.arguments import two_sides
from bas_mm.utils.box_geometry import crop_view_box, shift_boxes

from .view_tracking import follow_view

__all__ = ['LocCrop']


class LocCrop(BaseTransform):
    """What the centre crop, the random crop and the ten-crop share. Not registered.

    Args:
        crop_size (int | tuple[int, int]): Height and width of the crop in pixels; one number for
            both. Defaults to 224.
    """

    def __init__(self, crop_size: int | tuple[int, int] = 224) -> None:
        size = two_sides(crop_size)
        if size is None:
            raise ValueError(f'crop_size={crop_size}: a height and a width in pixels are needed')
        self.crop_size = size

    def check_fits(self, results: dict) -> None:
        """Raise when the picture is smaller than the crop."""
        height, width = results['img'].shape[:2]
        if height < self.crop_size[0] or width < self.crop_size[1]:
            raise ValueError(
                f'{type(self).__name__}: {results.get("img_path", "the picture")} of '
                f'{width}x{height} pixels is smaller than the crop of {self.crop_size[1]}x'
                f'{self.crop_size[0]}; put a LocResize before it'
            )

    def crop(self, results: dict, top: int, left: int) -> dict:
        """Cut the crop at (top, left) out of ``img`` and move ``gt_bboxes``, without clamping."""
        height, width = self.crop_size
        results['img'] = results['img'][top : top + height, left : left + width]
        return self.move_boxes(results, top, left)

    def move_boxes(self, results: dict, top: int, left: int) -> dict:
        """Move ``gt_bboxes`` into the crop at (top, left), and note its size and place."""
        old_height, old_width = results['img_shape']
        if (old_height, old_width) != self.crop_size:
            results['whole_view'] = False
        height, width = self.crop_size
        results['view_box'] = crop_view_box(
            results.get('view_box'),
            (old_width, old_height),
            (left, top, left + width, top + height),
        )
        results['img_shape'] = self.crop_size
        follow_view(results, (old_height, old_width), self.crop_size)
        if results.get('gt_bboxes') is not None:
            results.setdefault('ori_gt_bboxes', results['gt_bboxes'])
            results['gt_bboxes'] = shift_boxes(results['gt_bboxes'], left, top)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(crop_size={self.crop_size})'
