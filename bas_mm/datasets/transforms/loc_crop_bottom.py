from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from bas_mm.registry import TRANSFORMS

from .view_tracking import is_view_known

__all__ = ['LocCropBottom']


@TRANSFORMS.register_module()
class LocCropBottom(BaseTransform):
    """Cut the lowest rows off, such as the banner of FGVC-Aircraft's pictures.

    It comes before everything else that changes the picture: what is left counts as the original
    picture. Boxes are cut at its new lower edge. Masks are not: it is no transform for sets with
    masks.

    Required Keys:

    - img
    - gt_bboxes, height (optional)

    Modified Keys:

    - img, img_shape, ori_shape, gt_bboxes, height

    Added Keys:

    - rows_cut: how many rows; absent where it is none

    Args:
        pixels (int): How many rows. Defaults to 20.
    """

    def __init__(self, pixels: int = 20) -> None:
        if pixels < 0:
            raise ValueError(f'pixels={pixels}: a number of rows is needed')
        self.pixels = pixels

    def transform(self, results: dict) -> dict:
        """Crop ``img`` and cut ``gt_bboxes``."""
        height, width = results['img'].shape[:2]
        height -= self.pixels
        if height < 1:
            raise ValueError(
                f'LocCropBottom: {results.get("img_path", "the picture")} of {width}x'
                f'{height + self.pixels} pixels has nothing above its lowest {self.pixels} rows'
            )
        # LocResize, LoadResizedImage, crops and mirrors leave a view_box.
        is_first = 'view_box' not in results and is_view_known(results, results['img'].shape[:2])
        if results.get('mask_paths') or not is_first:
            raise ValueError(
                'LocCropBottom comes right behind LoadLocImage, and is not for sets with masks'
            )
        if self.pixels:
            results['rows_cut'] = results.get('rows_cut', 0) + self.pixels
        results['img'] = results['img'][:height]
        results['img_shape'] = results['ori_shape'] = (height, width)
        if 'height' in results:
            results['height'] = height
        if results.get('gt_bboxes') is not None:
            boxes = np.array(results['gt_bboxes'], dtype=np.float64).reshape(-1, 4)
            boxes[:, 1::2] = np.minimum(boxes[:, 1::2], height - 1)
            results['gt_bboxes'] = boxes
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(pixels={self.pixels})'
