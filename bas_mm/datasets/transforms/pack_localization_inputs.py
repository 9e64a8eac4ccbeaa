from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmpretrain.structures import DataSample

from bas_mm.registry import TRANSFORMS

from .functional import boxes_to_view, resize_boxes

__all__ = ['PackLocalizationInputs']


@TRANSFORMS.register_module()
class PackLocalizationInputs(BaseTransform):
    """Pack the picture and what is known about it for the model.

    Required Keys:

    - img: (H, W, 3), or (n, H, W, 3) for several crops
    - gt_label (optional)
    - gt_bboxes (optional), in pixels of the view
    - ori_gt_bboxes (optional), in pixels of the original picture, and ori_shape
    - gt_mask (optional), at the size of the view
    - those of ``meta_keys`` that are there

    Deleted Keys:

    - All other keys.

    Added Keys:

    - inputs: tensor (3, H, W) or (n, 3, H, W), BGR, of the picture's type
    - data_samples: :class:`mmpretrain.structures.DataSample` with ``gt_label``, ``gt_bboxes``,
      ``gt_bboxes_view``, ``gt_mask`` and the meta information. ``gt_bboxes`` is int64 (n, 4),
      clamped to the view, then truncated: the ground truth of Protocol A. ``gt_bboxes_view`` is
      that of Protocol B: the original boxes scaled to the view's size, whatever was cropped, and
      truncated, not clamped. Without boxes both are (0, 4). ``gt_mask`` is there where
      :class:`LoadLocMask` read it: uint8 (H, W). ``whole_view`` is False where the view is a crop
      or mirrored, so that Protocol B and pixel metrics do not fit it, and else absent.
      ``view_box`` is where the view lies in the original picture, x0, y0, x1, y1 in its pixels,
      x1 and y1 one past the end, x0 > x1 where it is mirrored: boxes of the view go back by
      :func:`~bas_mm.datasets.transforms.functional.boxes_to_original`.

    Args:
        meta_keys (Sequence[str]): Keys of the meta information. Defaults to
            :attr:`DEFAULT_META_KEYS`.
    """

    DEFAULT_META_KEYS = (
        'sample_idx',
        'image_id',
        'img_path',
        'ori_shape',
        'img_shape',
        'mask_paths',
        'ignore_path',
        'whole_view',
        'view_box',
    )

    def __init__(self, meta_keys: Sequence[str] = DEFAULT_META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack ``results``."""
        img = np.ascontiguousarray(np.moveaxis(results['img'], -1, -3))
        height, width = img.shape[-2:]
        boxes = results.get('gt_bboxes')
        if boxes is None:
            boxes = np.zeros((0, 4))
        ori_height, ori_width = results.get('ori_shape', (height, width))[:2]
        # Where nothing was resized or cropped it is the whole picture.
        results.setdefault('view_box', (0.0, 0.0, float(ori_width), float(ori_height)))
        data_sample = DataSample(
            metainfo={key: results[key] for key in self.meta_keys if key in results}
        )
        if 'gt_label' in results:
            data_sample.set_gt_label(results['gt_label'])
        data_sample.set_field(
            torch.from_numpy(boxes_to_view(boxes, width, height)), 'gt_bboxes', dtype=torch.Tensor
        )
        # What nothing has changed is the original.
        original = results.get('ori_gt_bboxes', boxes)
        scaled = resize_boxes(original, (ori_width, ori_height), (width, height))
        data_sample.set_field(
            torch.from_numpy(scaled.astype(np.int64)), 'gt_bboxes_view', dtype=torch.Tensor
        )
        if results.get('gt_mask') is not None:
            mask = np.ascontiguousarray(results['gt_mask'])
            data_sample.set_field(torch.from_numpy(mask), 'gt_mask', dtype=torch.Tensor)
        return dict(inputs=torch.from_numpy(img), data_samples=data_sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
