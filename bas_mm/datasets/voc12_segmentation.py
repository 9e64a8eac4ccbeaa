from __future__ import annotations

from mmseg.datasets import PascalVOCDataset

from bas_mm.registry import DATASETS

from .checked_masks_mixin import CheckedMasksMixin
from .voc12_multi_label import LISTS_TOOL

__all__ = ['VOC12Segmentation']


@DATASETS.register_module()
class VOC12Segmentation(CheckedMasksMixin, PascalVOCDataset):
    """PASCAL VOC 2012 with pseudo masks, or the true ones, for a segmentor.

    It is mmsegmentation's ``PascalVOCDataset``, with its arguments, whose list and masks are
    checked; see :class:`.checked_masks_mixin.CheckedMasksMixin`.

    Raises:
        AnnotationError: The list ``ann_file`` cannot be used, or a picture has no mask.
    """

    LIST_ADVICE = f'{LISTS_TOOL} makes train_aug.txt; or set `ann_file`'
