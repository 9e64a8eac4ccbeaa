from __future__ import annotations

import logging
import os
import os.path as osp
from collections.abc import Sequence

from mmengine.logging import print_log

from bas_mm.registry import DATASETS
from bas_mm.utils.bounded_threads import map_in_threads

from .base_multi_label_dataset import BaseMultiLabelDataset
from .errors import AnnotationError
from .listed_files import require_folder, spread
from .picture_names import is_picture, split_suffix
from .picture_size import picture_size_and_orientation

__all__ = ['MultiLabelList']


@DATASETS.register_module()
class MultiLabelList(BaseMultiLabelDataset):
    """Any pictures with a text list of their classes.

    A line of the list is ``name class class ...``, see :func:`~.label_lists.read_label_list`:
    the name is a path below ``img_path``, with or without the ending of the file. With
    ``check_files``, a warning says whether some of the pictures are noted as rotated, unless the
    pipeline turns them and there are no masks: the heads of up to 32 are looked at.

    Args:
        ann_file (str): The list, below ``data_root`` if relative.
        classes (Sequence[str] | str | int): Names of the classes, a text file with one name per
            line, or their number.
        data_root (str): Folder of the pictures and lists.
        **kwargs: Further arguments of :class:`BaseMultiLabelDataset`. Of ``data_prefix``,
            ``img_path`` is the folder of the pictures, ``seg_map_path`` that of masks
            ``STEM.png``; without it the pictures are below ``data_root``, and there are no masks.

    Example:
        >>> from bas_mm.datasets import MultiLabelList
        >>> dataset = MultiLabelList('lists/train.txt', ('cat', 'dog'), data_root='data/pets',
        ...                          data_prefix=dict(img_path='pictures', seg_map_path='masks'))
    """

    def __init__(
        self,
        ann_file: str,
        classes: Sequence[str] | str | int,
        data_root: str = '',
        **kwargs,
    ) -> None:
        super().__init__(ann_file=ann_file, classes=classes, data_root=data_root, **kwargs)

    def read_annotations(self) -> list[dict]:
        """Read the list."""
        found = self.read_labels(self.ann_file)
        files = self._with_suffixes(found.names, found.lines, found.file)
        infos = self.make_infos(files, found.labels, found.lines, found.file)
        if self.check_files:
            self._warn_of_rotated(infos, found.file)
        return infos

    def _warn_of_rotated(self, infos: Sequence[dict], file: str) -> None:
        """Say that pictures are trained on otherwise than masks or other programs have them."""
        turned = any(getattr(step, 'turns_pictures', False) for step in self.pipeline.transforms)
        if turned and not self.data_prefix.get('seg_map_path'):
            return
        some = spread([info['img_path'] for info in infos])
        heads = map_in_threads(picture_size_and_orientation, some)
        rotated = [path for path, (*_, orientation) in zip(some, heads) if orientation != 1]
        if rotated:
            how = (
                'LoadLocImage turns them, and the masks are as stored. Save both upright first'
                if turned
                else 'LoadLocImage and the masks have them as stored, but `seeds`, `segment` and '
                'other programs turn them. Save them upright first'
            )
            print_log(
                f'{len(rotated)} of {len(some)} pictures of {file} that were looked at are noted '
                f'as rotated, such as {rotated[0]}. {how}; see "Several classes per picture" in '
                'docs/add_dataset.md',
                logger='current',
                level=logging.WARNING,
            )

    def _with_suffixes(self, names: Sequence[str], lines: Sequence[int], file: str) -> list[str]:
        """The names with the endings of their files; each directory is listed once."""
        root = self.data_prefix['img_path']
        require_folder(root, 'the root of the pictures')
        suffixes: dict[str, dict[str, list[str]]] = {}
        files = []
        for name, line in zip(names, lines):
            folder, _, base = name.rpartition('/')
            if is_picture(base):
                files.append(name)
                continue
            if folder not in suffixes:
                suffixes[folder] = _suffixes_in(osp.join(root, folder))
            endings = suffixes[folder].get(base, [])
            if len(endings) > 1:
                raise AnnotationError.at(
                    file,
                    line,
                    f'{name} may be {" or ".join(base + ending for ending in endings)}',
                    'Write the name with its ending',
                )
            # What is not there is named by the check of all files.
            files.append(name + (endings[0] if endings else ''))
        return files


def _suffixes_in(folder: str) -> dict[str, list[str]]:
    """Name without ending -> the endings of the pictures of that name."""
    found: dict[str, list[str]] = {}
    if osp.isdir(folder):
        for entry in sorted(os.listdir(folder)):
            stem, suffix = split_suffix(entry)
            if suffix:
                found.setdefault(stem, []).append(suffix)
    return found
