from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from bas_mm.registry import DATASETS

from .base_localization_dataset import BaseLocalizationDataset
from .errors import AnnotationError
from .split_lists import (
    BoxLists,
    check_bounds,
    check_boxes,
    check_files_exist,
    read_lines,
    require_folder,
)

__all__ = ['CUB200']

_SPLITS = {'train': '1', 'test': '0'}


@DATASETS.register_module()
class CUB200(BaseLocalizationDataset):
    """CUB-200-2011 as it was released, by its own training and test split.

    Source: Wah et al., *The Caltech-UCSD Birds-200-2011 Dataset*, 2011. The folder
    ``CUB_200_2011`` holds ``images/`` and the lists ``images.txt``, ``classes.txt``,
    ``image_class_labels.txt``, ``train_test_split.txt`` and ``bounding_boxes.txt``, each line
    ``number value...`` with numbers and classes counted from 1.

    The release gives one box per picture as x, y, width, height, with fractions. It becomes
    x0 = x, y0 = y, x1 = x + width, y1 = y + height, **not** x + width - 1: the split lists of the
    field and the code behind the published figures do the same.

    ``image_id`` is the path below ``images/``.

    Args:
        split (str): 'train' (5994 pictures) or 'test' (5794).
        data_root (str): The folder ``CUB_200_2011``. Defaults to 'data/CUB_200_2011'.
        data_prefix (dict, optional): ``img_path`` is the folder of the pictures. Defaults to None:
            'images' below ``data_root``.
        pipeline (Sequence[dict | Callable]): Transforms. Defaults to ().
        test_mode (bool): Whether the set is for validation or test. Defaults to False.
        with_boxes (bool): Whether boxes are read. Set it to False for training with weak labels.
            Defaults to True.
        check_files (bool): Whether to check that each picture is on disk. Defaults to True.
        check_bounds (bool): Whether to check that boxes lie in their pictures. The release does
            not say the sizes: the head of each picture of the split is read, about 0.1 ms each
            on a local disk. One pixel beyond is accepted, since the release does not say whether
            it counts pixels from 0 or from 1. Needs ``with_boxes``. Defaults to True.
        skip_unreadable (bool): See :class:`BaseLocalizationDataset`.
        **kwargs: Further arguments of :class:`BaseLocalizationDataset`.

    Example:
        >>> from bas_mm.datasets import CUB200
        >>> dataset = CUB200('test', data_root='data/CUB_200_2011')
        >>> dataset.get_data_info(0)['image_id']
        '001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg'
    """

    def __init__(
        self,
        split: str,
        data_root: str = 'data/CUB_200_2011',
        data_prefix: Mapping[str, str] | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        with_boxes: bool = True,
        check_files: bool = True,
        check_bounds: bool = True,
        skip_unreadable: bool = False,
        **kwargs,
    ) -> None:
        if split not in _SPLITS:
            raise ValueError(f"split={split!r}: CUB200 has the splits 'train' and 'test'")
        self.split = split
        self.with_boxes = with_boxes
        self.check_files = check_files
        self.check_bounds = check_bounds
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix or dict(img_path='images'),
            pipeline=pipeline,
            test_mode=test_mode,
            skip_unreadable=skip_unreadable,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read and check the lists of the release.

        Returns:
            One dict per picture of the split, in the order of ``images.txt``.

        Raises:
            AnnotationError: Something is missing or wrong; the message says where.
        """
        require_folder(self.data_root, 'the folder CUB_200_2011 of the release')
        files = {
            name: osp.join(self.data_root, f'{name}.txt')
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

        images = _read_table(files['images'], 1)
        _check_paths(images, files['images'])
        labels = _read_table(files['image_class_labels'], 1, images, files['images'])
        splits = _read_table(files['train_test_split'], 1, images, files['images'])
        _check_split(splits, files['train_test_split'])

        chosen = [key for key in images if splits[key][0][0] == _SPLITS[self.split]]
        if not chosen:
            raise AnnotationError.at(
                files['train_test_split'],
                None,
                f'the split {self.split!r} is empty',
                f'Its pictures are marked {_SPLITS[self.split]}',
            )
        ids = [images[key][0][0] for key in chosen]
        lines = [images[key][1] for key in chosen]
        if self.check_files:
            check_files_exist(ids, lines, files['images'], self.data_prefix['img_path'])

        infos = []
        for key, image_id in zip(chosen, ids):
            values, line = labels[key]
            infos.append(
                dict(
                    img_path=osp.join(self.data_prefix['img_path'], image_id),
                    image_id=image_id,
                    gt_label=_read_class(values[0], line, files['image_class_labels'], num_classes),
                )
            )
        if self.with_boxes:
            self._add_boxes(infos, images, chosen, ids, files)
        return infos

    def _add_boxes(self, infos, images, chosen, ids, files) -> None:
        file = files['bounding_boxes']
        table = _read_table(file, 4, images, files['images'])
        rows = []
        for key in chosen:
            values, line = table[key]
            try:
                rows.append([float(value) for value in values])
            except ValueError:
                raise AnnotationError.at(
                    file,
                    line,
                    f'the box {" ".join(values)} is not made of numbers',
                    'Write the number of the picture, x, y, width and height',
                ) from None
        boxes = np.array(rows, dtype=np.float64)
        boxes[:, 2:] += boxes[:, :2]
        lists = BoxLists(
            positions=np.arange(len(chosen)),
            boxes=boxes,
            lines=np.array([table[key][1] for key in chosen]),
        )
        check_boxes(file, ids, lists)
        if self.check_bounds:
            sizes = np.array([_picture_size(info['img_path']) for info in infos])
            check_bounds(file, ids, lists, sizes, tolerance=1.0)
        for info, box in zip(infos, boxes):
            info['gt_bboxes'] = box[None]


def _read_table(
    file: str,
    num_values: int,
    images: dict | None = None,
    images_file: str = '',
) -> dict[str, tuple[list[str], int]]:
    """Read lines ``number value...`` into a dict number -> (values, line number).

    With ``images``, the numbers must be exactly those of that table, read from ``images_file``.
    """
    table: dict[str, tuple[list[str], int]] = {}
    for text, line in zip(*read_lines(file)):
        # A path may hold spaces, so a table of one value takes the whole rest of the line.
        key, *values = text.split(None, 1) if num_values == 1 else text.split()
        if len(values) != num_values:
            raise AnnotationError.at(
                file,
                line,
                f'a number and {num_values} value{"s" if num_values > 1 else ""} were expected: '
                f'{text!r}',
                'Correct the line, or unpack the release anew',
            )
        if key in table:
            raise AnnotationError.at(
                file,
                line,
                f'the number {key} stood there before, in line {table[key][1]}',
                'Take one of the two lines out',
            )
        if images is not None and key not in images:
            raise AnnotationError.at(
                file,
                line,
                f'the picture {key} is not listed in {images_file}',
                'Add it there, or take this line out',
            )
        table[key] = (values, line)
    if not table:
        raise AnnotationError.at(file, None, 'it is empty', 'Unpack the release anew')
    if images is not None:
        missing = [entry for key, entry in images.items() if key not in table]
        if missing:
            raise AnnotationError.at_first(
                images_file,
                [line for _, line in missing],
                f'{missing[0][0][0]} has no line in {file}',
                'Add it there, or take the picture from the list',
            )
    return table


def _read_class_names(file: str) -> tuple[str, ...]:
    names = []
    for number, (key, ((name,), line)) in enumerate(_read_table(file, 1).items(), 1):
        if key != str(number):
            raise AnnotationError.at(
                file, line, f'class {key} where class {number} was expected', 'Sort the classes'
            )
        # '001.Black_footed_Albatross' -> 'Black_footed_Albatross'
        names.append(name.partition('.')[2] or name)
    return tuple(names)


def _check_paths(images: dict[str, tuple[list[str], int]], file: str) -> None:
    first: dict[str, int] = {}
    for (path,), line in images.values():
        if path in first:
            raise AnnotationError.at(
                file,
                line,
                f'{path} was listed before, in line {first[path]}',
                'Take one of the two lines out',
            )
        first[path] = line


def _check_split(splits: dict[str, tuple[list[str], int]], file: str) -> None:
    for (mark,), line in splits.values():
        if mark not in _SPLITS.values():
            raise AnnotationError.at(
                file, line, f'{mark!r} is neither 1 (train) nor 0 (test)', 'Correct the line'
            )


def _read_class(value: str, line: int, file: str, num_classes: int) -> int:
    try:
        label = int(value)
    except ValueError:
        label = 0
    if not 1 <= label <= num_classes:
        raise AnnotationError.at(
            file,
            line,
            f'class {value} is out of range for {num_classes} classes (1 to {num_classes})',
            'Correct the label, or classes.txt; the release counts classes from 1',
        )
    return label - 1


def _picture_size(path: str) -> tuple[int, int]:
    """Width and height from the head of a picture file; 0, 0 for a file that is no picture.

    Such a file is dealt with where pictures are read, because training may pass over it.
    """
    try:
        with Image.open(path) as picture:
            return picture.size
    except OSError:
        return 0, 0
