from __future__ import annotations

import os.path as osp

from .errors import AnnotationError
from .label_map_folder import require_label_maps

__all__ = ['CheckedMasksMixin']


class CheckedMasksMixin:
    """For mmsegmentation's data sets: list and masks are looked for before anything is trained.

    Samples have ``num_classes`` too, by which :class:`LoadLabelMap` knows which values a mask may
    have. All else is as the data set has it.

    Raises:
        AnnotationError: There is no list ``ann_file``, or a picture has no mask; the message names
            the file and the step that makes it.
    """

    #: For messages: what to do about a list or masks that are missing; in test mode about masks.
    LIST_ADVICE = 'Correct `ann_file`'
    MASK_ADVICE = (
        'Make them with tools/wsss/make_masks.py, or set data_prefix.seg_map_path to where they are'
    )
    TRUE_MASK_ADVICE = (
        'Set data_prefix.seg_map_path to where they are, or, if there are none, leave it out, and '
        'LoadLabelMap out of the pipeline'
    )

    def load_data_list(self) -> list[dict]:
        """List the pictures and see that each has its mask."""
        if self.ann_file and not osp.exists(self.ann_file):
            raise AnnotationError.at(self.ann_file, None, 'there is no such file', self.LIST_ADVICE)
        infos = super().load_data_list()
        folder = self.data_prefix.get('seg_map_path')
        if folder:
            start = osp.join(folder, '')
            names = [info['seg_map_path'].removeprefix(start) for info in infos]
            advice = self.TRUE_MASK_ADVICE if self.test_mode else self.MASK_ADVICE
            require_label_maps(folder, names, 'mask', advice)
        classes = self._metainfo.get('classes')
        return [{**info, 'num_classes': classes and len(classes)} for info in infos]
