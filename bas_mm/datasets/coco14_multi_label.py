from __future__ import annotations

import os.path as osp

from mmengine.logging import print_log
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from bas_mm.registry import DATASETS

from .base_multi_label_dataset import BaseMultiLabelDataset
from .coco_instances import LISTS_TOOL, labels_of_images, read_instances
from .picture_names import is_picture

__all__ = ['COCO14MultiLabel']

# torchvision's have the background and the ids that COCO has left out between them.
_CLASSES = tuple(
    name
    for name in FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta['categories']
    if name not in ('__background__', 'N/A')
)


@DATASETS.register_module()
class COCO14MultiLabel(BaseMultiLabelDataset):
    """COCO 2014 with the classes of each picture, from its json or from a list.

    ::

        data/coco
        ├── train2014/COCO_train2014_000000000009.jpg ...
        ├── val2014/
        ├── annotations/instances_{train,val}2014.json
        └── masks/{train,val}2014/*.png      made by tools/dataset_converters/coco14_lists.py

    The 80 classes are counted from 0 in the order of the categories' ids. Reading the json of
    train2014 takes some seconds; a label list takes less.

    Args:
        data_root (str): The folder above. Defaults to 'data/coco'.
        split (str): 'train2014' or 'val2014'. Defaults to 'train2014'.
        ann_file (str, optional): The json, below ``data_root`` if relative. Defaults to None:
            annotations/instances_SPLIT.json.
        labels (str, optional): A list ``name class class ...`` in the place of the json, below
            ``data_root`` if relative; see :func:`~.label_lists.read_label_list`. It decides
            which pictures there are. Defaults to None.
        skip_unlabelled (bool): Whether pictures without any object, 702 in train2014, are left
            out; the log says how many. Where it is False they are an error, unless
            ``allow_unlabelled`` is set. Defaults to True; ``allow_unlabelled`` goes before it.
        **kwargs: Further arguments of :class:`BaseMultiLabelDataset`. ``data_prefix`` may name
            folders in place of SPLIT (``img_path``) and masks/SPLIT (``seg_map_path``).
    """

    METAINFO = dict(classes=_CLASSES)
    # SPLIT stands for the split.
    DATA_PREFIX = dict(img_path='SPLIT', seg_map_path='masks/SPLIT')
    ROOT_PURPOSE = 'the folder that has annotations, train2014 and val2014'
    TRUE_MASK_ADVICE = f'Make them with {LISTS_TOOL}, or set it to where they are'

    def __init__(
        self,
        data_root: str = 'data/coco',
        split: str = 'train2014',
        ann_file: str | None = None,
        labels: str | None = None,
        skip_unlabelled: bool = True,
        **kwargs,
    ) -> None:
        if ann_file is not None and labels is not None:
            raise ValueError('COCO14MultiLabel reads ann_file or labels: set one of the two')
        self.split = split
        self.labels = labels
        self.skip_unlabelled = skip_unlabelled
        self.DATA_PREFIX = {
            key: folder.replace('SPLIT', split) for key, folder in self.DATA_PREFIX.items()
        }
        super().__init__(
            data_root=data_root,
            ann_file=ann_file or f'annotations/instances_{split}.json',
            **kwargs,
        )

    def annotation_paths(self) -> dict[str, str]:
        """The json or the list."""
        if self.labels is None:
            return super().annotation_paths()
        return {osp.join(self.data_root, self.labels): f'Make it with {LISTS_TOOL}'}

    def read_annotations(self) -> list[dict]:
        """Read the json or the list."""
        if self.labels is not None:
            found = self.read_labels(osp.join(self.data_root, self.labels))
            files = [_with_suffix(name) for name in found.names]
            return self.make_infos(files, found.labels, found.lines, found.file)
        names, labels = labels_of_images(
            read_instances(self.ann_file), self._metainfo['classes'], self.ann_file
        )
        entries = list(range(1, len(names) + 1))
        if self.skip_unlabelled and not self.allow_unlabelled:
            kept = [position for position, found in enumerate(labels) if found]
            if len(kept) < len(names):
                print_log(
                    f'{self.ann_file}: {len(names) - len(kept)} of {len(names)} pictures have no '
                    'object and are left out',
                    logger='current',
                )
            names, labels, entries = (
                [values[position] for position in kept] for values in (names, labels, entries)
            )
        return self.make_infos(names, labels, entries, self.ann_file, unit='image')


def _with_suffix(name: str) -> str:
    return name if is_picture(name) else f'{name}.jpg'
