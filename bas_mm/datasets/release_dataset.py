from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence

import numpy as np

from bas_mm.utils.bounded_threads import map_in_threads

from .base_localization_dataset import BaseLocalizationDataset
from .box_lists import BoxLists, check_bounds, check_boxes, group_rows
from .collector import paused_collector
from .errors import UNPACK_ANEW, AnnotationError
from .listed_files import check_files_exist, join_paths, require_folder
from .picture_size import picture_size
from .readable_pictures import require_readable

__all__ = ['ReleaseDataset']


class ReleaseDataset(BaseLocalizationDataset):
    """What the readers of original releases share: splits, pictures on disk, boxes.

    Not registered. A subclass names its :attr:`SPLITS`, the default folders of
    :attr:`DATA_PREFIX`, and implements :meth:`read_release`.

    Args:
        split (str): One of :attr:`SPLITS`.
        data_root (str): The folder of the release.
        with_boxes (bool): Whether boxes are read. Set it to False for training with weak labels.
            Defaults to True.
        check_files (bool): Whether to check that each picture is on disk. Defaults to True.
        check_bounds (bool): Whether to check that boxes lie in their pictures; one pixel beyond
            the width or the height is accepted. False takes boxes as they stand, wherever they
            lie. Where the release does not say the sizes, the head of each picture of
            the split is read, about 0.1 ms each on a local disk; in test mode without
            ``skip_unreadable`` a file that is no picture is refused then. Needs ``with_boxes``.
            Defaults to True.
        **kwargs: Further arguments of :class:`BaseLocalizationDataset`.
    """

    #: Names of the splits.
    SPLITS: tuple[str, ...] = ('train', 'test')
    #: Folders below ``data_root``; ``img_path`` is the one that ids are relative to.
    DATA_PREFIX: Mapping[str, str] = dict(img_path='images')
    #: What ``data_root`` is, for messages.
    ROOT_PURPOSE = 'the folder of the release'

    def __init__(
        self,
        split: str,
        data_root: str,
        *,
        with_boxes: bool = True,
        check_files: bool = True,
        check_bounds: bool = True,
        **kwargs,
    ) -> None:
        if split not in self.SPLITS:
            *names, last = [repr(name) for name in self.SPLITS]
            raise ValueError(
                f'split={split!r}: {type(self).__name__} has the splits {", ".join(names)} '
                f'and {last}'
            )
        self.split = split
        self.with_boxes = with_boxes
        self.check_files = check_files
        self.check_bounds = check_bounds
        super().__init__(data_root=data_root, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read and check the release.

        Returns:
            One dict per picture of the split, in the order of the release.

        Raises:
            AnnotationError: Something is missing or wrong; the message says where.
        """
        require_folder(self.data_root, self.ROOT_PURPOSE)
        with paused_collector():
            return self.read_release()

    def read_release(self) -> list[dict]:
        """Read the split."""
        raise NotImplementedError

    def file(self, *names: str, also_in: Sequence[str] = ()) -> str:
        """Find a file of the release: below ``data_root``, or in one of the folders ``also_in``.

        Returns:
            The first that exists; the first place of all when none does.
        """
        places = [osp.join(self.data_root, *names)]
        places += [osp.join(self.data_root, folder, names[-1]) for folder in also_in]
        return next((place for place in places if osp.isfile(place)), places[0])

    def make_infos(
        self,
        ids: Sequence[str],
        labels: Sequence[int],
        lines: Sequence[int],
        file: str,
        unit: str = 'line',
    ) -> list[dict]:
        """Make the dicts of the split's pictures, without boxes.

        Args:
            ids: Paths of the pictures below ``img_path``.
            labels: Their classes, counted from 0.
            lines: The line of each in ``file``.
            file: The file that lists them, for messages.
            unit: What ``lines`` counts: 'line', or 'entry'.

        Raises:
            AnnotationError: There is no picture, or one is not on disk.
        """
        if not ids:
            raise AnnotationError.at(file, None, f'the split {self.split!r} is empty', UNPACK_ANEW)
        root = self.data_prefix['img_path']
        if self.check_files:
            check_files_exist(ids, lines, file, root, unit=unit)
        return [
            dict(img_path=path, image_id=image_id, gt_label=label)
            for path, image_id, label in zip(join_paths(root, ids), ids, labels)
        ]

    def add_boxes(
        self, infos: list[dict], lists: BoxLists, file: str, sizes: np.ndarray | None = None
    ) -> None:
        """Check boxes and add them, and the sizes of the pictures where they are known.

        Args:
            infos: The dicts of :meth:`make_infos`, changed in place.
            lists: Their boxes.
            file: The file of the boxes, for messages.
            sizes: (n, 2) width and height of the pictures, where the release says them; by the
                files of the boxes, if there is one per picture.

        Raises:
            AnnotationError: Names the first bad box and counts the others.
        """
        ids = [info['image_id'] for info in infos]
        check_boxes(file, ids, lists)
        if sizes is not None and lists.files is not None:
            for position, size_file in zip(lists.positions.tolist(), lists.files):
                infos[position]['size_file'] = size_file
        if self.check_bounds:
            if sizes is None:
                paths = [info['img_path'] for info in infos]
                sizes = np.array(map_in_threads(picture_size, paths))
                if self.requires_each_picture and self.check_files:
                    rows = np.flatnonzero(np.min(sizes[lists.positions], axis=1) == 0)
                    rows = rows[np.unique(lists.positions[rows], return_index=True)[1]]
                    bare = [paths[position] for position in lists.positions[rows]]
                    require_readable(bare, lists.lines[rows], file, lists.unit)
            # Releases differ in whether they count pixels from 0 or 1, not all of them say it, and
            # some are not consistent: hence the one pixel.
            way_out = ', or set check_bounds=False in the data set to take boxes as they stand'
            check_bounds(file, ids, lists, sizes, tolerance=1.0, way_out=way_out)
        for info, boxes in zip(infos, group_rows(lists.positions, lists.boxes, len(ids))):
            info['gt_bboxes'] = boxes
        if sizes is not None:
            for info, (width, height) in zip(infos, sizes.tolist()):
                # 0, 0 stands for a picture that cannot be read.
                if width and height:
                    info['width'], info['height'] = width, height
