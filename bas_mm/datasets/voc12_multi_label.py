from __future__ import annotations

import os.path as osp
from collections.abc import Mapping
from functools import partial

from mmpretrain.datasets.categories import VOC2007_CATEGORIES

from bas_mm.registry import DATASETS
from bas_mm.utils.bounded_threads import map_in_threads
from bas_mm.utils.class_names import class_indices

from .base_multi_label_dataset import BaseMultiLabelDataset
from .errors import AnnotationError
from .label_lists import read_ids, unknown_class
from .voc_xml import read_voc_xml

__all__ = ['LISTS_TOOL', 'VOC12MultiLabel']

#: For messages: what makes train_aug.txt.
LISTS_TOOL = 'python tools/dataset_converters/voc12_lists.py DEVKIT --sbd SBD'
_LABELS = 'The classes of the pictures are there: correct data_prefix.ann_path or `labels`'


@DATASETS.register_module()
class VOC12MultiLabel(BaseMultiLabelDataset):
    """PASCAL VOC 2012 with the classes of each picture, from the devkit.

    ::

        data/VOCdevkit/VOC2012
        ├── JPEGImages/ID.jpg
        ├── Annotations/ID.xml           the objects of each picture
        ├── SegmentationClass/ID.png     masks of some pictures
        └── ImageSets/Segmentation/{train,val,trainval,train_aug}.txt

    The devkit has no ``train_aug``: ``tools/dataset_converters/voc12_lists.py`` makes it.

    Args:
        data_root (str): The folder above. Defaults to 'data/VOCdevkit/VOC2012'.
        split (str): Name of a list in ImageSets/Segmentation, or else in ImageSets/Main; or the
            path of a text file of ids, below ``data_root`` if relative, which ends in .txt. Its
            lines may also be the paths of picture and mask. Defaults to 'train_aug'.
        labels (str, optional): A list ``name class class ...`` with the classes, below
            ``data_root`` if relative; see :func:`~.label_lists.read_label_list`. It may hold
            more pictures than the split. Defaults to None: the objects of the XML files.
        with_difficult (bool): Whether objects that are marked as difficult count, as they do in
            this field. Needs the XML files. Defaults to True.
        **kwargs: Further arguments of :class:`BaseMultiLabelDataset`. ``data_prefix`` may name
            other folders than :attr:`DATA_PREFIX`: ``dict(seg_map_path='SegmentationClassAug')``.
    """

    METAINFO = dict(classes=tuple(VOC2007_CATEGORIES))
    DATA_PREFIX = dict(
        img_path='JPEGImages', ann_path='Annotations', seg_map_path='SegmentationClass'
    )
    ROOT_PURPOSE = 'the folder of the devkit that has JPEGImages'

    def __init__(
        self,
        data_root: str = 'data/VOCdevkit/VOC2012',
        split: str = 'train_aug',
        labels: str | None = None,
        with_difficult: bool = True,
        **kwargs,
    ) -> None:
        self.split = split
        self.labels = labels
        self.with_difficult = with_difficult
        super().__init__(data_root=data_root, **kwargs)

    def read_annotations(self) -> list[dict]:
        """Read the split and its labels."""
        file = self._split_file()
        ids, lines = read_ids(file)
        if self.labels is not None:
            listed = self.read_labels(osp.join(self.data_root, self.labels))
            labels = listed.labels_of(ids, lines, file)
        else:
            indices = class_indices(self._metainfo['classes'])
            labels = map_in_threads(partial(self._labels_of_xml, indices=indices), ids)
        return self.make_infos([f'{image_id}.jpg' for image_id in ids], labels, lines, file)

    def annotation_paths(self) -> dict[str, str]:
        """The split, and the list or the folder with the classes."""
        places = self._split_places()
        split = next(filter(osp.isfile, places), places[0])
        if self.labels is not None:
            return {split: self._split_advice(), osp.join(self.data_root, self.labels): _LABELS}
        return {split: self._split_advice(), self.data_prefix['ann_path']: _LABELS}

    def _split_places(self) -> list[str]:
        if self.split.endswith('.txt'):
            return [osp.join(self.data_root, self.split)]
        return [
            osp.join(self.data_root, 'ImageSets', kind, f'{self.split}.txt')
            for kind in ('Segmentation', 'Main')
        ]

    def _split_advice(self) -> str:
        return f'Make it with {LISTS_TOOL}' if self.split == 'train_aug' else 'Correct `split`'

    def _split_file(self) -> str:
        places = self._split_places()
        if len(places) == 1:
            return places[0]
        found = next(filter(osp.isfile, places), None)
        if found is None:
            problem = f'there is no such file, nor {places[1]}'
            raise AnnotationError.at(places[0], None, problem, self._split_advice())
        return found

    def _labels_of_xml(self, image_id: str, indices: Mapping[str, int]) -> list[int]:
        found = read_voc_xml(osp.join(self.data_prefix['ann_path'], f'{image_id}.xml'))
        labels = set()
        for name, line, difficult in zip(found.names, found.lines, found.difficult):
            if difficult and not self.with_difficult:
                continue
            if name not in indices:
                raise unknown_class(found.file, line, name, self._metainfo['classes'])
            labels.add(indices[name])
        return sorted(labels)
