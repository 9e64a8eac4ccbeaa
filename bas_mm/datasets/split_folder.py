from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from bas_mm.registry import DATASETS
from bas_mm.utils.bounded_threads import map_in_threads

from .base_localization_dataset import BaseLocalizationDataset
from .box_lists import check_bounds, check_boxes, group_rows
from .collector import paused_collector
from .errors import AnnotationError
from .listed_files import check_files_exist, join_paths, require_folder, spread
from .picture_size import picture_size, picture_size_and_orientation
from .readable_pictures import require_readable
from .split_lists import (
    CLASS_LABELS,
    IMAGE_IDS,
    IMAGE_SIZES,
    LOCALIZATION,
    MaskLists,
    check_disjoint,
    read_class_labels,
    read_image_ids,
    read_image_sizes,
    read_localization,
)

__all__ = ['SplitFolder']


@DATASETS.register_module()
class SplitFolder(BaseLocalizationDataset):
    """A split in the usual format of weakly supervised localization: a folder of text lists.

    The format is described in :mod:`bas_mm.datasets.split_lists`. Everything is checked when the
    data set is built; the first line that is wrong is named with its file in an
    :class:`~bas_mm.datasets.errors.AnnotationError`.

    Besides the keys of :class:`BaseLocalizationDataset`, pictures of a split with masks carry
    ``mask_paths`` (tuple of str, one per instance) and ``ignore_path`` (str, '' for none).

    Args:
        split_dir (str): The folder of the lists, below ``data_root`` if it is relative.
        data_root (str): Root of relative paths. Defaults to ''.
        data_prefix (dict | str, optional): ``img_path``, or a text alone, is the root of the
            pictures, which the ids are relative to; ``mask_path`` that of the masks (defaults to
            the former). Both are below ``data_root`` if relative. Defaults to None: ``data_root``.
        classes (Sequence[str] | str | int, optional): See :class:`BaseLocalizationDataset`.
        pipeline (Sequence[dict | Callable]): Transforms. Defaults to ().
        test_mode (bool): Whether the set is for validation or test. Defaults to False.
        with_boxes (bool): Whether ``localization.txt`` is read and asked for. Set it to False for
            training splits, whose labels are weak. Defaults to True.
        check_files (bool): Whether to check that each listed picture and mask is on disk; each
            directory is listed once. Where there are boxes and no ``image_sizes.txt``, the head of
            each picture is read, too, to see that they lie in it and, in test mode without
            ``skip_unreadable``, that it is a picture. With that file the heads of some pictures,
            spread over the split, are compared with it. Defaults to True.
        check_disjoint (bool | str | Sequence[str]): Whether to check that no picture is in a split
            folder beside this one as well; names of such folders limit the check to them.
            Defaults to True.
        skip_unreadable (bool): See :class:`BaseLocalizationDataset`.
        **kwargs: Further arguments of :class:`BaseLocalizationDataset`.

    Example:
        >>> from bas_mm.datasets import SplitFolder
        >>> dataset = SplitFolder('metadata/val', data_root='data/critters',
        ...     data_prefix=dict(img_path='images'), classes=('kangaroo', 'raccoon'))
        >>> dataset.get_data_info(0)['gt_bboxes']
        array([[  3.,  58., 205., 165.]])
    """

    def __init__(
        self,
        split_dir: str,
        data_root: str = '',
        data_prefix: Mapping[str, str] | str | None = None,
        classes: Sequence[str] | str | int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        with_boxes: bool = True,
        check_files: bool = True,
        check_disjoint: bool | str | Sequence[str] = True,
        skip_unreadable: bool = False,
        **kwargs,
    ) -> None:
        self.split_dir = osp.join(data_root, split_dir)
        self.with_boxes = with_boxes
        self.check_files = check_files
        # One name alone is not a sequence of one-letter names.
        self.check_disjoint = (
            [check_disjoint] if isinstance(check_disjoint, str) else check_disjoint
        )
        super().__init__(
            data_root=data_root,
            data_prefix=data_prefix,
            classes=classes,
            pipeline=pipeline,
            test_mode=test_mode,
            skip_unreadable=skip_unreadable,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read and check the lists.

        Returns:
            One dict per picture, in the order of ``image_ids.txt``.

        Raises:
            AnnotationError: Something is missing or wrong; the message says where.
        """
        with paused_collector():
            return self._load()

    def _load(self) -> list[dict]:
        require_folder(self.split_dir, 'the folder of a split')
        ids_file = osp.join(self.split_dir, IMAGE_IDS)
        labels_file = osp.join(self.split_dir, CLASS_LABELS)
        sizes_file = osp.join(self.split_dir, IMAGE_SIZES)
        ids, lines = read_image_ids(ids_file)
        labels = read_class_labels(labels_file, ids, lines, ids_file, self.num_classes)
        paths = join_paths(self.data_prefix['img_path'], ids)
        infos = [
            dict(img_path=path, image_id=image_id, gt_label=label)
            for path, image_id, label in zip(paths, ids, labels)
        ]

        sizes = None
        if osp.exists(sizes_file):
            sizes = read_image_sizes(sizes_file, ids, lines, ids_file)
            for info, (width, height) in zip(infos, sizes.tolist()):
                info['width'] = width
                info['height'] = height
        if self.check_files:
            check_files_exist(ids, lines, ids_file, self.data_prefix['img_path'])
        if self.with_boxes:
            self._add_localization(infos, ids, lines, ids_file, sizes)

        if self.check_disjoint:
            siblings = None if self.check_disjoint is True else self.check_disjoint
            check_disjoint(self.split_dir, ids, lines, siblings)
        return infos

    def _add_localization(
        self,
        infos: list[dict],
        ids: Sequence[str],
        lines: Sequence[int],
        ids_file: str,
        sizes: np.ndarray | None,
    ) -> None:
        file = osp.join(self.split_dir, LOCALIZATION)
        if not osp.isfile(file):
            raise AnnotationError.at(
                file,
                None,
                'there is no such file',
                'Add it, or set with_boxes=False for a split with weak labels only',
            )
        lists = read_localization(file, ids, lines, ids_file)
        if isinstance(lists, MaskLists):
            root = self.data_prefix.get('mask_path', self.data_prefix['img_path'])
            if self.check_files:
                self._check_masks(lists, file, root)
            for info, masks, ignore in zip(infos, lists.mask_paths, lists.ignore_paths):
                info['mask_paths'] = tuple(osp.join(root, mask) for mask in masks)
                info['ignore_path'] = osp.join(root, ignore) if ignore else ''
            return
        if sizes is not None:
            sizes_file = osp.join(self.split_dir, IMAGE_SIZES)
            for info in infos:
                info['size_file'] = sizes_file
            if self.check_files:
                self._compare_sizes(infos, sizes_file)
        on_its_side, unchecked = None, []
        if sizes is None and self.check_files:
            paths = [info['img_path'] for info in infos]
            look = partial(picture_size_and_orientation, decode=True)
            heads = np.array(map_in_threads(look, paths))
            sizes, on_its_side = heads[:, :2], heads[:, 2] >= 5
            unknown = np.flatnonzero(np.min(sizes, axis=1) == 0).tolist()
            if self.requires_each_picture:
                numbers = [lines[position] for position in unknown]
                require_readable([paths[position] for position in unknown], numbers, ids_file)
            # Boxes of a picture on its side may be those of its pixels, or of what viewers show.
            unchecked = [*unknown, *np.flatnonzero(on_its_side).tolist()]
        check_boxes(file, ids, lists)
        check_bounds(file, ids, lists, sizes, on_its_side=on_its_side)
        for info, boxes in zip(infos, group_rows(lists.positions, lists.boxes, len(ids))):
            info['gt_bboxes'] = boxes
        for position in unchecked:
            infos[position]['boxes_unchecked'] = True

    @staticmethod
    def _compare_sizes(infos: Sequence[dict], file: str) -> None:
        # Those of the others are compared when they are read, which may be at the first validation.
        some = spread(infos)
        for info, found in zip(some, map_in_threads(picture_size, [i['img_path'] for i in some])):
            listed, path = (info['width'], info['height']), info['img_path']
            # What is no picture is dealt with where pictures are read.
            if found in ((0, 0), listed):
                continue
            # The pipeline may turn pictures as their files note.
            if found == listed[::-1] and picture_size_and_orientation(path, decode=True)[2] >= 5:
                continue
            raise AnnotationError.at(
                file,
                None,
                f'the size of {info["image_id"]} is {listed[0]}x{listed[1]} there, and '
                f'{found[0]}x{found[1]} in {path}',
                'Correct the size, and the boxes; or, to compare none, set check_files=False here '
                'and check_size=False in LoadLocImage',
            )

    @staticmethod
    def _check_masks(lists: MaskLists, file: str, root: str) -> None:
        paths, lines = [], []
        for masks, ignore, numbers in zip(lists.mask_paths, lists.ignore_paths, lists.lines):
            paths += masks
            lines += numbers
            if ignore:
                paths.append(ignore)
                lines.append(numbers[0])
        check_files_exist(paths, lines, file, root, kind='mask')
