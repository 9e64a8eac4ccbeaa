from __future__ import annotations

import os
import os.path as osp
import re
from collections.abc import Sequence

from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from bas_mm.registry import DATASETS
from bas_mm.utils.bounded_threads import map_in_threads

from .errors import UNPACK_ANEW, AnnotationError
from .listed_files import join_paths, require_folder
from .release_dataset import ReleaseDataset
from .text_lists import read_lines, require_unique
from .voc_xml import VocAnnotation, boxes_of, read_voc_xml, sizes_of

__all__ = ['ILSVRCRelease']

_WNID = re.compile(r'n\d{8}')
_MAPPING = 'LOC_synset_mapping.txt'
_SOLUTION = 'LOC_val_solution.csv'


@DATASETS.register_module()
class ILSVRCRelease(ReleaseDataset):
    """ImageNet-1k (ILSVRC 2012, CLS-LOC) as it was released.

    Source: Russakovsky et al., *ImageNet Large Scale Visual Recognition Challenge*, 2015::

        ILSVRC/
        ├── Data/CLS-LOC/
        │   ├── train/n01440764/n01440764_18.JPEG ...
        │   └── val/ILSVRC2012_val_00000001.JPEG ...
        ├── Annotations/CLS-LOC/val/ILSVRC2012_val_00000001.xml ...
        ├── LOC_synset_mapping.txt     wnid names            these two here or beside ILSVRC/
        └── LOC_val_solution.csv       picture,wnid x0 y0 x1 y1 wnid ...

    Classes are counted in the order of the sorted WordNet ids (wnids), as in mmpretrain and
    torchvision. The ids are those of ``LOC_synset_mapping.txt``; without it, of the folders in
    ``train/``.

    ``train`` is every picture in those folders, its class the folder. ``val`` is the set that the
    benchmark reports on as its **test** split. A picture's class is in ``LOC_val_solution.csv``;
    without it, it is the wnid of the objects in its XML. Its boxes are those of the objects of
    that class, several per picture possible.

    The boxes of the XML are taken as they stand, as the split lists of the field do: the release
    does not say that it counts pixels from 1, and there are corners that are 0.

    ``image_id`` is the path below ``Data/CLS-LOC``, such as 'val/ILSVRC2012_val_00000001.JPEG'.
    Only ``val`` has boxes for each of its pictures: ``train`` needs ``with_boxes=False``.

    Args:
        split (str): 'train' (1,281,167 pictures) or 'val' (50,000).
        data_root (str): The folder ``ILSVRC``. Defaults to 'data/ILSVRC'.
        **kwargs: Further arguments of
            :class:`~bas_mm.datasets.release_dataset.ReleaseDataset`. ``data_prefix`` may name
            ``img_path`` (default 'Data/CLS-LOC') and ``ann_path`` (default
            'Annotations/CLS-LOC'). ``classes`` is for subsets, which have other than 1000.

    Example:
        >>> from bas_mm.datasets import ILSVRCRelease
        >>> dataset = ILSVRCRelease('val', data_root='data/ILSVRC', test_mode=True)
        >>> dataset.get_data_info(0)['image_id']
        'val/ILSVRC2012_val_00000001.JPEG'
    """

    METAINFO = dict(classes=tuple(IMAGENET_CATEGORIES))
    SPLITS = ('train', 'val')
    DATA_PREFIX = dict(img_path='Data/CLS-LOC', ann_path='Annotations/CLS-LOC')
    ROOT_PURPOSE = 'the folder ILSVRC of the release'

    def __init__(self, split: str, data_root: str = 'data/ILSVRC', **kwargs) -> None:
        if split == 'train' and kwargs.get('with_boxes', True):
            raise ValueError(
                "split='train': not all of its pictures have boxes; set with_boxes=False"
            )
        super().__init__(split, data_root, **kwargs)

    def read_release(self) -> list[dict]:
        """Read the split, in the order of the sorted ids."""
        index = self._read_wnids()
        if self.split == 'train':
            return self._read_train(index)
        return self._read_val(index)

    def _read_wnids(self) -> dict[str, int]:
        """Map each wnid to its class."""
        file = self.file(_MAPPING, also_in=[osp.pardir])
        if osp.isfile(file):
            texts, lines = read_lines(file)
            wnids = [text.split(None, 1)[0] for text in texts]
            for wnid, line in zip(wnids, lines):
                if not _WNID.fullmatch(wnid):
                    raise AnnotationError.at(
                        file, line, f'{wnid!r} is no wnid such as n01440764', UNPACK_ANEW
                    )
            require_unique(wnids, lines, file, advice=UNPACK_ANEW)
        else:
            file = osp.join(self.data_prefix['img_path'], 'train')
            if not osp.isdir(file):
                raise AnnotationError.at(
                    self.file(_MAPPING),
                    None,
                    f'there is neither this file nor the folder {file} that name the classes',
                    'Put the file there, or correct data_root',
                )
            wnids = _folders(file)
        if len(wnids) != self.num_classes:
            raise AnnotationError.at(
                file,
                None,
                f'{len(wnids)} wnids, but {self.num_classes} classes',
                'Complete it, or set `classes` to the number of classes',
            )
        return {wnid: position for position, wnid in enumerate(sorted(wnids))}

    def _read_train(self, index: dict[str, int]) -> list[dict]:
        root = osp.join(self.data_prefix['img_path'], 'train')
        require_folder(root, "the folder of the classes' folders")
        folders = _folders(root)
        for wnid in set(folders).symmetric_difference(index):
            problem = 'is not among the classes' if wnid in folders else 'is missing'
            raise AnnotationError.at(
                osp.join(root, wnid), None, f'this folder {problem}', UNPACK_ANEW
            )
        ids: list[str] = []
        labels: list[int] = []
        for wnid in folders:
            names = _pictures(osp.join(root, wnid))
            if not names:
                raise AnnotationError.at(
                    osp.join(root, wnid), None, 'there is no picture *.JPEG in it', UNPACK_ANEW
                )
            ids += [f'train/{wnid}/{name}' for name in names]
            labels += [index[wnid]] * len(names)
        # The folder itself is the list, so each picture is on disk.
        return [
            dict(img_path=path, image_id=image_id, gt_label=label)
            for path, image_id, label in zip(
                join_paths(self.data_prefix['img_path'], ids), ids, labels
            )
        ]

    def _read_val(self, index: dict[str, int]) -> list[dict]:
        ann_root = osp.join(self.data_prefix['ann_path'], 'val')
        solution_file = self.file(_SOLUTION, also_in=[osp.pardir])
        solution = None
        if osp.isfile(solution_file):
            solution = _read_solution(solution_file, index)
            names = sorted(solution)
            lines = [solution[name][1] for name in names]
            ids_file = solution_file
        else:
            ids_file = osp.join(self.data_prefix['img_path'], 'val')
            require_folder(ids_file, 'the folder of the validation pictures')
            names = [osp.splitext(name)[0] for name in _pictures(ids_file)]
            lines = range(1, len(names) + 1)

        annotations: list[VocAnnotation] = []
        if self.with_boxes or solution is None:
            require_folder(ann_root, 'the folder of the XML files')
            files = [osp.join(ann_root, f'{name}.xml') for name in names]
            annotations = map_in_threads(read_voc_xml, files)
        labels = []
        for position, name in enumerate(names):
            label = None if solution is None else solution[name][0]
            if annotations:
                label = _keep_class(annotations[position], label, index, solution_file)
            labels.append(label)
        infos = self.make_infos([f'val/{name}.JPEG' for name in names], labels, lines, ids_file)
        if self.with_boxes:
            self.add_boxes(infos, boxes_of(annotations), ann_root, sizes_of(annotations))
        return infos


def _folders(root: str) -> list[str]:
    with os.scandir(root) as entries:
        return sorted(e.name for e in entries if _WNID.fullmatch(e.name) and e.is_dir())


def _pictures(folder: str) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.name.endswith('.JPEG'))


def _read_solution(file: str, index: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Read ``LOC_val_solution.csv`` into name -> (class, line)."""
    found: dict[str, tuple[int, int]] = {}
    for text, line in zip(*read_lines(file)):
        name, _, prediction = text.partition(',')
        if line == 1 and name == 'ImageId':
            continue
        fields = prediction.split()
        if not fields or len(fields) % 5:
            raise AnnotationError.at(
                file,
                line,
                f'ImageId,wnid x0 y0 x1 y1 with five values per object was expected: {text!r}',
                UNPACK_ANEW,
            )
        wnid = fields[0]
        if wnid not in index:
            raise AnnotationError.at(
                file, line, f'{wnid!r} of {name} is not among the {len(index)} classes', UNPACK_ANEW
            )
        if name in found:
            raise AnnotationError.at(
                file, line, f'{name} was listed before, in line {found[name][1]}', UNPACK_ANEW
            )
        found[name] = index[wnid], line
    if not found:
        raise AnnotationError.at(file, None, 'it is empty', UNPACK_ANEW)
    return found


def _keep_class(
    annotation: VocAnnotation, label: int | None, index: dict[str, int], solution_file: str
) -> int:
    """Keep the objects of the picture's class, and return that class."""
    objects: Sequence[int | None] = [index.get(name) for name in annotation.names]
    if None in objects:
        position = objects.index(None)
        raise AnnotationError.at(
            annotation.file,
            annotation.lines[position],
            f'{annotation.names[position]!r} is not among the {len(index)} classes',
            UNPACK_ANEW,
        )
    if label is None and len(set(objects)) > 1:
        raise AnnotationError.at(
            annotation.file,
            annotation.lines[next(i for i, item in enumerate(objects) if item != objects[0])],
            f'objects of several classes: {", ".join(sorted(set(annotation.names)))}',
            f'Put {solution_file} there, which says the class of the picture',
        )
    if not objects or label is not None and label not in objects:
        what = ' of the class of the picture' if objects else ''
        raise AnnotationError.at(annotation.file, None, f'it has no object{what}', UNPACK_ANEW)
    label = objects[0] if label is None else label
    kept = [position for position, item in enumerate(objects) if item == label]
    for name in ('names', 'boxes', 'lines', 'difficult'):
        values = getattr(annotation, name)
        setattr(annotation, name, [values[position] for position in kept])
    return label
