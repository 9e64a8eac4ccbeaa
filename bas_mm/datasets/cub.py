from __future__ import annotations

import os.path as osp
from collections.abc import Sequence

import numpy as np

from bas_mm.registry import DATASETS

from .box_lists import BoxLists
from .errors import AnnotationError
from .listed_files import check_files_exist
from .numbered_lists import Table, class_index, read_boxes, read_table
from .release_dataset import ReleaseDataset
from .text_lists import require_unique

__all__ = ['CUB200']

_SPLITS = {'train': '1', 'test': '0'}


@DATASETS.register_module()
class CUB200(ReleaseDataset):
    """CUB-200-2011 as it was released, by its own training and test split.

    Source: Wah et al., *The Caltech-UCSD Birds-200-2011 Dataset*, 2011::

        CUB_200_2011/
        ├── images/001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg ...
        ├── images.txt               number path
        ├── classes.txt              number name
        ├── image_class_labels.txt   number class
        ├── train_test_split.txt     number 1 (train) or 0 (test)
        ├── bounding_boxes.txt       number x y width height
        └── segmentations/001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.png ...

    Numbers and classes are counted from 1. ``segmentations/`` comes from an archive of its own,
    ``segmentations.tgz``, and is only needed for ``with_masks``.

    The release gives one box per picture as x, y, width, height, with fractions. It becomes
    x0 = x, y0 = y, x1 = x + width, y1 = y + height, **not** x + width - 1: the split lists of the
    field and the code behind the published figures do the same.

    A segmentation is a gray picture: the mean of what several annotators drew, 255 where all of
    them saw the bird. ``mask_threshold`` goes along with the masks: foreground is where the gray
    level is above it. 127 means: more than half of the annotators.

    ``image_id`` is the path below ``images/``.

    The ``val`` split of the CVPR 2020 protocol, CUBV2, consists of other pictures and comes as a
    split folder: see :class:`SplitFolder` and ``configs/bas/bas_resnet50_cub_cubv2val.py``.

    Args:
        split (str): 'train' (5994 pictures) or 'test' (5794).
        data_root (str): The folder ``CUB_200_2011``. Defaults to 'data/CUB_200_2011'.
        with_masks (bool): Whether pictures carry ``mask_paths`` (a tuple with one path),
            ``ignore_path`` ('') and ``mask_threshold``. Defaults to False.
        mask_threshold (int): Gray level above which a pixel is foreground, 0 to 254. Defaults
            to 127.
        **kwargs: Further arguments of
            :class:`~bas_mm.datasets.release_dataset.ReleaseDataset`. ``data_prefix`` may name
            ``img_path`` (default 'images') and ``mask_path`` (default 'segmentations').

    Example:
        >>> from bas_mm.datasets import CUB200
        >>> dataset = CUB200('test', data_root='data/CUB_200_2011')
        >>> dataset.get_data_info(0)['image_id']
        '001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg'
    """

    SPLITS = tuple(_SPLITS)
    DATA_PREFIX = dict(img_path='images', mask_path='segmentations')
    ROOT_PURPOSE = 'the folder CUB_200_2011 of the release'

    def __init__(
        self,
        split: str,
        data_root: str = 'data/CUB_200_2011',
        with_masks: bool = False,
        mask_threshold: int = 127,
        **kwargs,
    ) -> None:
        if not 0 <= mask_threshold < 255:
            raise ValueError(f'mask_threshold={mask_threshold}: 0 to 254 is possible')
        self.with_masks = with_masks
        self.mask_threshold = mask_threshold
        super().__init__(split, data_root, **kwargs)

    def read_release(self) -> list[dict]:
        """Read the split, in the order of ``images.txt``."""
        files = {
            name: self.file(f'{name}.txt')
            for name in (
                'images',
                'classes',
                'image_class_labels',
                'train_test_split',
                'bounding_boxes',
            )
        }
        self._metainfo.setdefault('classes', _read_class_names(files['classes']))
        num_classes = self.num_classes

        images = read_table(files['images'], 1)
        paths = [path for (path,), _ in images.values()]
        require_unique(paths, [line for _, line in images.values()], files['images'])
        labels = read_table(files['image_class_labels'], 1, images, files['images'])
        splits = read_table(files['train_test_split'], 1, images, files['images'])
        _check_split(splits, files['train_test_split'])

        chosen = [key for key in images if splits[key][0][0] == _SPLITS[self.split]]
        if not chosen:
            raise AnnotationError.at(
                files['train_test_split'],
                None,
                f'the split {self.split!r} is empty',
                f'Its pictures are marked {_SPLITS[self.split]}',
            )
        lines = [images[key][1] for key in chosen]
        infos = self.make_infos(
            [images[key][0][0] for key in chosen],
            [
                class_index(
                    labels[key][0][0],
                    labels[key][1],
                    files['image_class_labels'],
                    num_classes,
                    'classes.txt',
                )
                for key in chosen
            ],
            lines,
            files['images'],
        )
        if self.with_boxes:
            file = files['bounding_boxes']
            table = read_table(file, 4, images, files['images'])
            boxes = read_boxes(
                table, chosen, file, 'the number of the picture, x, y, width and height'
            )
            boxes[:, 2:] += boxes[:, :2]
            numbers = np.array([table[key][1] for key in chosen])
            self.add_boxes(infos, BoxLists(np.arange(len(chosen)), boxes, numbers), file)
        if self.with_masks:
            self._add_masks(infos, lines, files['images'])
        return infos

    def _add_masks(self, infos: list[dict], lines: Sequence[int], file: str) -> None:
        root = self.data_prefix['mask_path']
        masks = [osp.splitext(info['image_id'])[0] + '.png' for info in infos]
        if self.check_files:
            check_files_exist(masks, lines, file, root, kind='mask')
        for info, mask in zip(infos, masks):
            info['mask_paths'] = (osp.join(root, mask),)
            info['ignore_path'] = ''
            info['mask_threshold'] = self.mask_threshold


def _read_class_names(file: str) -> tuple[str, ...]:
    names = []
    for number, (key, ((name,), line)) in enumerate(read_table(file, 1).items(), 1):
        if key != str(number):
            raise AnnotationError.at(
                file, line, f'class {key} where class {number} was expected', 'Sort the classes'
            )
        # '001.Black_footed_Albatross' -> 'Black_footed_Albatross'
        names.append(name.partition('.')[2] or name)
    return tuple(names)


def _check_split(splits: Table, file: str) -> None:
    for (mark,), line in splits.values():
        if mark not in _SPLITS.values():
            raise AnnotationError.at(
                file, line, f'{mark!r} is neither 1 (train) nor 0 (test)', 'Correct the line'
            )
