from __future__ import annotations

import os.path as osp

from bas_mm.registry import DATASETS
from bas_mm.utils.bounded_threads import map_in_threads

from .errors import UNPACK_ANEW, AnnotationError
from .mat_lists import mat_variable, numbers, read_mat, texts
from .numbered_lists import class_index
from .release_dataset import ReleaseDataset
from .text_lists import require_disjoint, require_unique
from .voc_xml import boxes_of, read_voc_xml, sizes_of

__all__ = ['StanfordDogs']


@DATASETS.register_module()
class StanfordDogs(ReleaseDataset):
    """Stanford Dogs as it was released: 120 breeds, several dogs per picture possible.

    Source: Khosla et al., *Novel Dataset for Fine-Grained Image Categorization*, 2011::

        StanfordDogs/
        ├── Images/n02085620-Chihuahua/n02085620_10074.jpg ...
        ├── Annotation/n02085620-Chihuahua/n02085620_10074 ...   XML without extension
        └── lists/                                               or directly in StanfordDogs/
            ├── train_list.mat
            └── test_list.mat

    Each list has the variables ``file_list`` (paths below ``Images/``) and ``labels`` (counted
    from 1). The classes are named by the folders of their pictures.

    The boxes are ImageNet's. Neither says whether it counts pixels from 0 or from 1; both are
    taken as they stand, as the split lists of the field do with ImageNet's.

    ``image_id`` is the path below ``Images/``.

    Args:
        split (str): 'train' (12000 pictures) or 'test' (8580).
        data_root (str): The folder of the release. Defaults to 'data/StanfordDogs'.
        **kwargs: Further arguments of
            :class:`~bas_mm.datasets.release_dataset.ReleaseDataset`. ``data_prefix`` may name
            ``img_path`` (default 'Images') and ``ann_path`` (default 'Annotation').

    Example:
        >>> from bas_mm.datasets import StanfordDogs
        >>> dataset = StanfordDogs('test', data_root='data/StanfordDogs')
        >>> dataset.metainfo['classes'][0]
        'Chihuahua'
    """

    DATA_PREFIX = dict(img_path='Images', ann_path='Annotation')
    ROOT_PURPOSE = 'the folder of Stanford Dogs'

    def __init__(self, split: str, data_root: str = 'data/StanfordDogs', **kwargs) -> None:
        super().__init__(split, data_root, **kwargs)

    def read_release(self) -> list[dict]:
        """Read the split, in the order of its list."""
        lists = {name: self.file('lists', f'{name}_list.mat', also_in=['']) for name in self.SPLITS}
        pictures = {name: _read_list(file) for name, file in lists.items()}
        # Both lists, so that the classes do not depend on the split.
        self._metainfo.setdefault('classes', _class_names(pictures, lists))
        listed = {
            name: (ids, range(1, len(ids) + 1), lists[name]) for name, (ids, _) in pictures.items()
        }
        ids, entries, file = own = listed.pop(self.split)
        for other in listed.values():
            require_disjoint(own, other, UNPACK_ANEW, 'entry')
        numbered = pictures[self.split][1]
        labels = [
            class_index(label, entry, file, self.num_classes, 'the classes', 'entry')
            for entry, label in zip(entries, numbered)
        ]
        infos = self.make_infos(ids, labels, entries, file, unit='entry')
        if self.with_boxes:
            root = self.data_prefix['ann_path']
            files = [osp.join(root, osp.splitext(image_id)[0]) for image_id in ids]
            annotations = map_in_threads(read_voc_xml, files)
            for annotation in annotations:
                if not annotation.boxes:
                    raise AnnotationError.at(annotation.file, None, 'it has no object', UNPACK_ANEW)
            self.add_boxes(infos, boxes_of(annotations), root, sizes_of(annotations))
        return infos


def _read_list(file: str) -> tuple[list[str], list[int]]:
    """Read paths and classes (counted from 1) of one list."""
    content = read_mat(file)
    paths = texts(mat_variable(content, 'file_list', file), 'the path', file)
    values = numbers(mat_variable(content, 'labels', file), 'the label', file)
    if len(values) != len(paths):
        raise AnnotationError.at(
            file, None, f'{len(paths)} paths, but {len(values)} labels', UNPACK_ANEW
        )
    require_unique(paths, range(1, len(paths) + 1), file, '', UNPACK_ANEW, 'entry')
    for number, (path, value) in enumerate(zip(paths, values.tolist()), 1):
        if value < 1 or not value.is_integer():
            raise AnnotationError.at(
                file,
                number,
                f'the label {value:g} of {path} is no whole number from 1 on',
                UNPACK_ANEW,
                unit='entry',
            )
    return paths, [int(value) for value in values.tolist()]


def _class_names(
    pictures: dict[str, tuple[list[str], list[int]]], lists: dict[str, str]
) -> tuple[str, ...]:
    """Name the classes by their folders; a class has one folder, and a folder one class."""
    folder_of: dict[int, str] = {}
    label_of: dict[str, int] = {}
    for name, (ids, labels) in pictures.items():
        for number, (image_id, label) in enumerate(zip(ids, labels), 1):
            folder = osp.dirname(image_id)
            same = folder_of.setdefault(label, folder), label_of.setdefault(folder, label)
            if same != (folder, label):
                raise AnnotationError.at(
                    lists[name],
                    number,
                    f'{image_id} has the label {label}, but the pictures of {same[0]} have '
                    f'the label {label_of[same[0]]}',
                    UNPACK_ANEW,
                    unit='entry',
                )
    missing = sorted(set(range(1, max(folder_of) + 1)) - set(folder_of))
    if missing:
        raise AnnotationError.at(
            lists['train'],
            None,
            f'no picture of class {missing[0]} in it nor in {lists["test"]}, though there are '
            f'classes up to {max(folder_of)}',
            UNPACK_ANEW,
        )
    # 'n02085620-Chihuahua' -> 'Chihuahua'
    folders = (folder_of[label] for label in sorted(folder_of))
    return tuple(folder.partition('-')[2] or folder for folder in folders)
