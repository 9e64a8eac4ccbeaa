from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmpretrain.structures import DataSample

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.box_geometry import boxes_to_view, resize_boxes

from ..errors import AnnotationError
from .view_tracking import is_view_known

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
      ``rows_cut`` is there where :class:`LocCropBottom` made the original picture lower.
      ``view_box`` is where the view lies in the original picture, x0, y0, x1, y1 in its pixels,
      x1 and y1 one past the end, x0 > x1 where it is mirrored: boxes of the view go back by
      :func:`~bas_mm.utils.box_geometry.boxes_to_original`. Where a transform of another package
      has changed the picture's size, nobody knows where the true boxes and masks are in the view:
      these and ``view_box`` are left out, and ``view_lost`` is True, else absent.

    Args:
        meta_keys (Sequence[str]): Keys of the meta information. Defaults to
            :attr:`DEFAULT_META_KEYS`.

    Raises:
        AnnotationError: A true box is not of finite numbers.
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
        'rows_cut',
        'view_box',
    )

    def __init__(self, meta_keys: Sequence[str] = DEFAULT_META_KEYS) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack ``results``."""
        img = np.ascontiguousarray(np.moveaxis(results['img'], -1, -3))
        if min(img.strides) < 0:
            # A mirrored picture of one column is contiguous for NumPy, but torch refuses it.
            img = img.copy()
        height, width = img.shape[-2:]
        ori_height, ori_width = results.get('ori_shape', (height, width))[:2]
        known = is_view_known(results, (height, width))
        if known:
            # Where nothing was resized or cropped it is the whole picture.
            results.setdefault('view_box', (0.0, 0.0, float(ori_width), float(ori_height)))
        else:
            results.pop('view_box', None)
        data_sample = DataSample(
            metainfo={key: results[key] for key in self.meta_keys if key in results}
        )
        if 'gt_label' in results:
            data_sample.set_gt_label(results['gt_label'])
        if known:
            self._add_truth(data_sample, results, (ori_width, ori_height), (width, height))
        else:
            data_sample.set_metainfo(dict(view_lost=True))
        return dict(inputs=torch.from_numpy(img), data_samples=data_sample)

    @staticmethod
    def _add_truth(
        data_sample: DataSample, results: dict, ori_size: tuple[int, int], size: tuple[int, int]
    ) -> None:
        """Boxes and masks; sizes are widths and heights."""
        boxes = results.get('gt_bboxes')
        if boxes is None:
            boxes = np.zeros((0, 4))
        # What nothing has changed is the original.
        original = results.get('ori_gt_bboxes', boxes)
        every = np.concatenate([np.reshape(array, (-1, 4)) for array in (original, boxes)])
        finite = np.isfinite(every).all(axis=1)
        if not finite.all():
            # As integers it would be a box far away, which nothing hits.
            raise AnnotationError(
                f'{results.get("img_path", "a picture")}: the true box '
                f'{every[~finite][0].tolist()} is not made of finite numbers. Correct it in the '
                'data set'
            )
        scaled = resize_boxes(original, ori_size, size).astype(np.int64)
        truth = dict(gt_bboxes=boxes_to_view(boxes, *size), gt_bboxes_view=scaled)
        if results.get('gt_mask') is not None:
            truth['gt_mask'] = np.ascontiguousarray(results['gt_mask'])
        for name, values in truth.items():
            data_sample.set_field(torch.from_numpy(values), name, dtype=torch.Tensor)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
