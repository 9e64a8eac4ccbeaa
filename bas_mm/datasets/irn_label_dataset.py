from __future__ import annotations

import os
import os.path as osp
from collections.abc import Sequence

from mmengine.dataset import BaseDataset

from bas_mm.registry import DATASETS

from .errors import AnnotationError
from .label_lists import PICTURE_SUFFIXES

__all__ = ['IRNLabelDataset']


@DATASETS.register_module()
class IRNLabelDataset(BaseDataset):
    """Pictures that have a label map for IRNet, whatever set they are from.

    A folder of label maps decides which pictures there are. ::

        label_dir/ID.png                   palette: 0 background, k + 1 class k, 255 unsure
        data_root/img_path/ID.jpg          the picture of the same name, with any usual ending

    Samples have ``img_path``, ``seg_map_path`` and ``image_id``, sorted by id.

    Args:
        label_dir: Folder of the label maps, as it is: not below ``data_root``.
        data_root: Folder of the set. Defaults to ''.
        data_prefix: Its folder of pictures, as ``img_path``.
            Defaults to dict(img_path='JPEGImages').
        **kwargs: Of mmengine's ``BaseDataset``: ``pipeline``, ``indices``, ``test_mode`` …

    Raises:
        AnnotationError: There are no label maps, or one has no picture; the message names the
            folder and the step that fills it.
    """

    def __init__(
        self,
        label_dir: str,
        data_root: str = '',
        data_prefix: dict | None = None,
        pipeline: Sequence = (),
        **kwargs,
    ) -> None:
        self.label_dir = label_dir
        super().__init__(
            data_root=data_root,
            data_prefix=dict(img_path='JPEGImages') if data_prefix is None else data_prefix,
            pipeline=list(pipeline),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List the folder of labels and find the picture of each."""
        names = sorted(osp.splitext(name)[0] for name in _files(self.label_dir) if _is_label(name))
        if not names:
            raise AnnotationError.at(
                self.label_dir,
                None,
                'no label maps for IRNet are there',
                'Make them with tools/wsss/make_irn_labels.py, or set label_dir to where they are',
            )
        folder = self.data_prefix['img_path']
        pictures = {
            stem: name
            for stem, suffix, name in ((*osp.splitext(name), name) for name in _files(folder))
            if suffix.lower() in PICTURE_SUFFIXES
        }
        missing = [name for name in names if name not in pictures]
        if missing:
            more = f' and {len(missing) - 1} more' if len(missing) > 1 else ''
            raise AnnotationError.at(
                folder,
                None,
                f'no picture for {missing[0]}.png{more} of {self.label_dir}',
                'Set data_root and data_prefix.img_path to where the pictures are',
            )
        return [
            dict(
                img_path=osp.join(folder, pictures[name]),
                seg_map_path=osp.join(self.label_dir, f'{name}.png'),
                image_id=name,
            )
            for name in names
        ]


def _files(folder: str) -> list[str]:
    return os.listdir(folder) if osp.isdir(folder) else []


def _is_label(name: str) -> bool:
    # Files that are being written have names that start with a dot.
    return name.endswith('.png') and not name.startswith('.')
