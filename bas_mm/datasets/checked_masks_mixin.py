from __future__ import annotations

import os.path as osp
from collections.abc import Mapping

from .errors import AnnotationError
from .label_lists import read_ids
from .label_map_folder import require_classes_of_masks, require_label_maps
from .pickled_pictures_mixin import PickledPicturesMixin

__all__ = ['CheckedMasksMixin']


class CheckedMasksMixin(PickledPicturesMixin):
    """For mmsegmentation's data sets: list and masks are looked for before anything is trained.

    A line of the list may be an id, with folders before it or not, or the paths of a picture and
    of its mask, of which the id counts; see :func:`~.label_lists.read_ids`. A line that is repeated
    gives its picture as often. Samples have ``num_classes`` too, by which :class:`LoadLabelMap`
    knows which values a mask may have. All else is as the data set has it.

    Raises:
        AnnotationError: There is no list ``ann_file``, or it is empty, has another line, or an id
            in two lines that are not alike; or a picture has no mask; or ``masks.json`` beside the
            masks, which ``make_masks.py`` writes, has the classes in another order. The message
            names the file and what to do.
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

    @classmethod
    def needed_paths(cls, settings: Mapping, masks: bool) -> dict[str, str]:
        """As that of :class:`.base_multi_label_dataset.BaseMultiLabelDataset`."""
        folders = settings.get('data_prefix') or {}
        given = {
            settings.get('ann_file'): cls.LIST_ADVICE,
            folders.get('img_path'): 'Correct data_root or data_prefix.img_path',
        }
        if masks:
            given[folders.get('seg_map_path')] = cls.TRUE_MASK_ADVICE
        root = settings.get('data_root') or ''
        return {osp.join(root, path): advice for path, advice in given.items() if path}

    def load_data_list(self) -> list[dict]:
        """List the pictures and see that each has its mask."""
        if self.ann_file and not osp.exists(self.ann_file):
            raise AnnotationError.at(self.ann_file, None, 'there is no such file', self.LIST_ADVICE)
        listed = osp.isfile(self.ann_file)
        infos = self._listed_infos() if listed else super().load_data_list()
        folder = self.data_prefix.get('seg_map_path')
        if folder:
            start = osp.join(folder, '')
            names = [info['seg_map_path'].removeprefix(start) for info in infos]
            advice = self.TRUE_MASK_ADVICE if self.test_mode else self.MASK_ADVICE
            require_label_maps(folder, names, 'mask', advice)
            # By `label_map` those of the kind, in whose order files are, become those of the set.
            own = self.METAINFO.get('classes') or self._metainfo.get('classes') or ()
            # Where `reduce_zero_label` is set there is no background before them.
            own = own if self.reduce_zero_label else own[1:]
            require_classes_of_masks(folder, own, 'the data set')
        classes = self._metainfo.get('classes')
        return [{**info, 'num_classes': classes and len(classes)} for info in infos]

    def _listed_infos(self) -> list[dict]:
        """What mmsegmentation's data sets say of the pictures of a list."""
        names, _ = read_ids(self.ann_file, picture_of=self._picture_of)
        infos = []
        for name in names:
            info = dict(img_path=self._picture_of(name))
            folder = self.data_prefix.get('seg_map_path')
            if folder is not None:
                info['seg_map_path'] = osp.join(folder, name + self.seg_map_suffix)
            info.update(
                label_map=self.label_map, reduce_zero_label=self.reduce_zero_label, seg_fields=[]
            )
            infos.append(info)
        return infos

    def _picture_of(self, name: str) -> str:
        return osp.join(self.data_prefix['img_path'], name + self.img_suffix)
