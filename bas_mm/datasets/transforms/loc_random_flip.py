from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.arguments import in_range
from bas_mm.utils.box_geometry import crop_view_box, flip_boxes

__all__ = ['LocRandomFlip']


@TRANSFORMS.register_module()
class LocRandomFlip(BaseTransform):
    """Mirror the picture left to right at random, and its boxes with it.

    Randomness comes from numpy's global generator, which mmengine seeds in each worker.

    Required Keys:

    - img
    - gt_bboxes (optional)

    Modified Keys:

    - img
    - gt_bboxes: column x goes to W - 1 - x

    Added Keys:

    - flip (bool)
    - whole_view: False where the picture was mirrored
    - ori_gt_bboxes: the boxes as they were before the first change
    - view_box: where the mirrored picture lies in the original one, x0 > x1

    Args:
        prob (float): Probability of mirroring, in [0, 1]. Defaults to 0.5.
    """

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = in_range('prob', prob, 0, 1, closed=True)

    @cache_randomness
    def draw_flip(self) -> bool:
        """Draw whether to mirror."""
        return bool(np.random.rand() < self.prob)  # noqa: NPY002

    def transform(self, results: dict) -> dict:
        """Mirror ``img`` and ``gt_bboxes``, or leave them."""
        results['flip'] = self.draw_flip()
        if results['flip']:
            img = results['img']
            results['img'] = img[:, ::-1]
            results['whole_view'] = False
            height, width = img.shape[:2]
            results['view_box'] = crop_view_box(
                results.get('view_box'), (width, height), (width, 0, 0, height)
            )
            if results.get('gt_bboxes') is not None:
                results.setdefault('ori_gt_bboxes', results['gt_bboxes'])
                results['gt_bboxes'] = flip_boxes(results['gt_bboxes'], width)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
