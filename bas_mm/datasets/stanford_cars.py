from __future__ import annotations

import os.path as osp

import numpy as np

from bas_mm.registry import DATASETS

from .box_lists import BoxLists
from .errors import UNPACK_ANEW
from .mat_lists import mat_variable, numbers, read_mat, struct_field, texts
from .numbered_lists import class_index
from .release_dataset import ReleaseDataset
from .text_lists import require_unique

__all__ = ['StanfordCars']

_BOX = ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2')


@DATASETS.register_module()
class StanfordCars(ReleaseDataset):
    """Stanford Cars as it was released: 196 makes and models, one box per picture.

    Source: Krause et al., *3D Object Representations for Fine-Grained Categorization*, 2013. It
    was released in two forms; the one that is there is read, the first if both are. Beside a
    ``devkit/``, ``cars_annos.mat`` without ``car_ims/`` is no form::

        StanfordCars/                          StanfordCars/
        ├── car_ims/000001.jpg ...             ├── cars_train/00001.jpg ...
        └── cars_annos.mat                     ├── cars_test/00001.jpg ...
                                               ├── cars_test_annos_withlabels.mat
                                               └── devkit/
                                                   ├── cars_meta.mat
                                                   └── cars_train_annos.mat

    ``cars_test_annos_withlabels.mat`` is a file of its own on the release's page; it may lie in
    ``devkit/`` as well. The two forms number the pictures differently.

    Boxes and classes are counted from 1, as MATLAB does: 1 is taken off the corners of the boxes
    and off the classes. A corner that is 0 in the file stays 0.

    ``image_id`` is the path below the folder of the release, such as 'cars_train/00001.jpg'.

    Args:
        split (str): 'train' (8144 pictures) or 'test' (8041).
        data_root (str): The folder of the release. Defaults to 'data/StanfordCars'.
        **kwargs: Further arguments of
            :class:`~bas_mm.datasets.release_dataset.ReleaseDataset`. ``data_prefix`` may name
            ``img_path`` (default ``data_root`` itself).

    Example:
        >>> from bas_mm.datasets import StanfordCars
        >>> dataset = StanfordCars('test', data_root='data/StanfordCars')
        >>> dataset.metainfo['classes'][0]
        'AM General Hummer SUV 2000'
    """

    DATA_PREFIX = dict(img_path='')
    ROOT_PURPOSE = 'the folder of Stanford Cars'

    def __init__(self, split: str, data_root: str = 'data/StanfordCars', **kwargs) -> None:
        super().__init__(split, data_root, **kwargs)

    def read_release(self) -> list[dict]:
        """Read the split, in the order of its list."""
        file = self.file('cars_annos.mat')
        pictures = osp.join(self.data_prefix['img_path'], 'car_ims')
        # In some copies of the form with devkit/ the file lies there without its pictures.
        has_devkit = osp.isdir(osp.join(self.data_root, 'devkit'))
        if osp.isfile(file) and (osp.isdir(pictures) or not has_devkit):
            names_file, content = file, read_mat(file)
            entries = mat_variable(content, 'annotations', file)
            paths = texts(struct_field(entries, 'relative_im_path', file), 'the path', file)
            is_test = numbers(struct_field(entries, 'test', file), 'the mark of the test', file)
            chosen = np.flatnonzero((is_test != 0) == (self.split == 'test'))
        else:
            names_file = self.file('devkit', 'cars_meta.mat')
            content = read_mat(names_file)
            file = (
                self.file('devkit', 'cars_train_annos.mat')
                if self.split == 'train'
                else self.file('cars_test_annos_withlabels.mat', also_in=['devkit'])
            )
            entries = mat_variable(read_mat(file), 'annotations', file)
            names = texts(struct_field(entries, 'fname', file), 'the file name', file)
            paths = [f'cars_{self.split}/{name}' for name in names]
            chosen = np.arange(len(paths))
        names = texts(mat_variable(content, 'class_names', names_file), 'the name', names_file)
        self._metainfo.setdefault('classes', tuple(names))

        require_unique(paths, range(1, len(paths) + 1), file, '', UNPACK_ANEW, 'entry')
        ids = [paths[position] for position in chosen.tolist()]
        lines = chosen + 1
        values = numbers(struct_field(entries, 'class', file), 'the class', file)
        labels = [
            class_index(f'{values[line - 1]:g}', line, file, self.num_classes, names_file, 'entry')
            for line in lines.tolist()
        ]
        infos = self.make_infos(ids, labels, lines, file, unit='entry')
        if self.with_boxes:
            boxes = np.stack(
                [numbers(struct_field(entries, name, file), name, file) for name in _BOX], axis=1
            )[chosen]
            # Neither -1 nor below, which stay wrong.
            boxes[boxes != 0] -= 1
            lists = BoxLists(np.arange(len(ids)), boxes, lines, unit='entry')
            self.add_boxes(infos, lists, file)
        return infos
