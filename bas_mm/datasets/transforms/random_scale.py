from __future__ import annotations

from mmcv.transforms import Resize
from mmcv.transforms.utils import cache_randomness
from numpy import random

from bas_mm.registry import TRANSFORMS

__all__ = ['RandomScale']


@TRANSFORMS.register_module()
class RandomScale(Resize):
    """Resize a picture and its label map by a random factor of its own size.

    mmcv's RandomResize draws the size of all pictures alike instead.

    Required Keys:

    - img
    - gt_seg_map (optional): resized by nearest neighbour

    Modified Keys:

    - img, img_shape, gt_seg_map

    Added Keys:

    - scale, scale_factor, keep_ratio

    Args:
        ratio_range: The smallest and largest factor; all between are equally likely.
            Defaults to (0.5, 1.5).
        **kwargs: Of mmcv's Resize, such as ``interpolation`` and ``backend``.

    Raises:
        ValueError: The factors are not positive or not in order.
    """

    def __init__(self, ratio_range: tuple[float, float] = (0.5, 1.5), **kwargs) -> None:
        if len(ratio_range) != 2 or not 0 < ratio_range[0] <= ratio_range[1]:
            raise ValueError(f'ratio_range={ratio_range}: two factors above 0, the smaller first')
        super().__init__(scale_factor=1.0, **kwargs)
        self.ratio_range = tuple(ratio_range)

    @cache_randomness
    def _factor(self) -> float:
        return random.uniform(*self.ratio_range)  # noqa: NPY002 - mmengine seeds this generator

    def transform(self, results: dict) -> dict:
        """Resize by a new factor."""
        factor = self._factor()
        height, width = results['img'].shape[:2]
        results['scale'] = tuple(max(1, round(side * factor)) for side in (width, height))
        self._resize_img(results)
        self._resize_seg(results)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(ratio_range={self.ratio_range})'
