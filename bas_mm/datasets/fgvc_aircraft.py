from __future__ import annotations

import os.path as osp

import numpy as np

from bas_mm.registry import DATASETS

from .box_lists import BoxLists
from .errors import UNPACK_ANEW, AnnotationError
from .numbered_lists import Table, read_boxes, read_table
from .release_dataset import ReleaseDataset
from .text_lists import read_class_names, require_disjoint

__all__ = ['FGVCAircraft']


@DATASETS.register_module()
class FGVCAircraft(ReleaseDataset):
    """FGVC-Aircraft as it was released: 100 variants, one box per picture.

    Source: Maji et al., *Fine-Grained Visual Classification of Aircraft*, 2013::

        fgvc-aircraft-2013b/
        └── data/
            ├── images/1025794.jpg ...
            ├── variants.txt                   one name per line
            ├── images_variant_train.txt       number variant
            ├── images_variant_val.txt
            ├── images_variant_trainval.txt
            ├── images_variant_test.txt
            └── images_box.txt                 number xmin ymin xmax ymax

    Classes are counted in the order of ``variants.txt``. The boxes count pixels from 1, as the
    release says: 1 is taken off each corner. A corner that is 0 in the file stays 0.

    The lowest 20 rows of each picture are a banner that names the photographer, which the authors
    of the release advise to cut off. It is left here, so that boxes and sizes are those of the
    release. To cut it, put ``dict(type='LocCropBottom', pixels=20)`` after ``LoadLocImage`` in
    every pipeline.

    ``image_id`` is the file name, such as '1025794.jpg'.

    Args:
        split (str): 'train' (3334 pictures), 'val' (3333), 'trainval' (both) or 'test' (3333).
        data_root (str): The folder of the release. Defaults to 'data/fgvc-aircraft-2013b'.
        **kwargs: Further arguments of
            :class:`~bas_mm.datasets.release_dataset.ReleaseDataset`. ``data_prefix`` may name
            ``img_path`` (default 'data/images').

    Example:
        >>> from bas_mm.datasets import FGVCAircraft
        >>> dataset = FGVCAircraft('test', data_root='data/fgvc-aircraft-2013b')
        >>> dataset.metainfo['classes'][0]
        '707-320'
    """

    SPLITS = ('train', 'val', 'trainval', 'test')
    DATA_PREFIX = dict(img_path='data/images')
    ROOT_PURPOSE = 'the folder fgvc-aircraft-2013b of the release'

    def __init__(self, split: str, data_root: str = 'data/fgvc-aircraft-2013b', **kwargs) -> None:
        super().__init__(split, data_root, **kwargs)

    def read_release(self) -> list[dict]:
        """Read the split, in the order of its list."""
        names_file = self.file('data', 'variants.txt')
        names = read_class_names(names_file)
        self._metainfo.setdefault('classes', names)
        if self.num_classes != len(names):
            raise AnnotationError.at(
                names_file,
                None,
                f'{len(names)} variants, but {self.num_classes} classes are asked for',
                'Leave `classes` out',
            )
        index = {name: position for position, name in enumerate(names)}
        file = self._list(self.split)
        pictures = read_table(file, 1)
        self._require_disjoint(pictures, file)
        labels = []
        for (variant,), line in pictures.values():
            if variant not in index:
                raise AnnotationError.at(
                    file,
                    line,
                    f'{variant!r} is not listed in {names_file}',
                    'Correct the line, or unpack the release anew',
                )
            labels.append(index[variant])
        infos = self.make_infos(
            [f'{key}.jpg' for key in pictures],
            labels,
            [line for _, line in pictures.values()],
            file,
        )
        if self.with_boxes:
            file = self.file('data', 'images_box.txt')
            table = read_table(file, 4)
            for key, (_, line) in pictures.items():
                if key not in table:
                    raise AnnotationError.at(
                        self._list(self.split),
                        line,
                        f'{key} has no line in {file}',
                        'Add it there, or unpack the release anew',
                    )
            keys = list(pictures)
            boxes = read_boxes(
                table, keys, file, 'the number of the picture, xmin, ymin, xmax and ymax'
            )
            boxes[boxes != 0] -= 1
            lines = np.array([table[key][1] for key in keys])
            self.add_boxes(infos, BoxLists(np.arange(len(keys)), boxes, lines), file)
        return infos

    def _list(self, split: str) -> str:
        return self.file('data', f'images_variant_{split}.txt')

    def _require_disjoint(self, pictures: Table, file: str) -> None:
        """Compare with the test split; the others are made of one another."""
        own = list(pictures), [line for _, line in pictures.values()], file
        for split in self.SPLITS[:-1] if self.split == 'test' else ('test',):
            other = self._list(split)
            if osp.isfile(other):
                table = read_table(other, 1)
                lines = [line for _, line in table.values()]
                require_disjoint(own, (list(table), lines, other), UNPACK_ANEW)
