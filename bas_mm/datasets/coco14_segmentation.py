from __future__ import annotations

from mmseg.datasets import BaseSegDataset

from bas_mm.registry import DATASETS

from .checked_masks_mixin import CheckedMasksMixin
from .coco_instances import LISTS_TOOL

__all__ = ['COCO14Segmentation']


@DATASETS.register_module()
class COCO14Segmentation(CheckedMasksMixin, BaseSegDataset):
    """COCO 2014 with pseudo masks, or those of its objects, for a segmentor.

    It is mmsegmentation's ``BaseSegDataset``, with its arguments, whose list and masks are
    checked; see :class:`.checked_masks_mixin.CheckedMasksMixin`.

    Raises:
        AnnotationError: The list ``ann_file`` cannot be used, or a picture has no mask.
    """

    LIST_ADVICE = f'Make it with {LISTS_TOOL}, or set `ann_file`'
    TRUE_MASK_ADVICE = (
        f'Make them with {LISTS_TOOL}, or set data_prefix.seg_map_path to where they are'
    )
