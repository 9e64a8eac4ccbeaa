from __future__ import annotations

import logging
import os.path as osp
from collections.abc import Callable, Mapping, Sequence

from mmengine.dataset import BaseDataset
from mmengine.dist import get_rank
from mmengine.logging import print_log

from .errors import AnnotationError, UnreadableImageError
from .split_lists import read_class_names

__all__ = ['BaseLocalizationDataset']


class BaseLocalizationDataset(BaseDataset):
    """What every picture set of this package shares: class names and unreadable pictures.

    A subclass implements ``load_data_list`` and returns dicts with

    * ``img_path`` (str), ``image_id`` (str), ``gt_label`` (int);
    * ``gt_bboxes``: float64 (n, 4), x0, y0, x1, y1 in pixels of the original picture, both
      corners inside the object; absent where labels are weak;
    * ``width``, ``height`` (int) where the annotation gives them.

    Args:
        data_root (str): Root of the relative paths below. Defaults to ''.
        data_prefix (dict): ``img_path`` is the folder of the pictures, below ``data_root`` if it
            is relative. Defaults to ``dict(img_path='')``.
        classes (Sequence[str] | str | int, optional): Names of the classes; or a text file with
            one name per line (below ``data_root`` if relative); or their number, which gives
            the names '0', '1' and so on. Defaults to None: those of the class.
        pipeline (Sequence[dict | Callable]): Transforms. Defaults to ().
        test_mode (bool): Whether the set is for validation or test. Defaults to False.
        skip_unreadable (bool): Whether a picture that cannot be read in training is named in the
            log and replaced by another one, drawn at random. Where it is False, and always in
            test mode, such a picture is an error. Defaults to False.
        max_refetch (int): How many replacements are tried for one picture. Defaults to 20.
        metainfo (dict, optional): Further meta information. Defaults to None.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.
    """

    def __init__(
        self,
        data_root: str = '',
        data_prefix: Mapping[str, str] | None = None,
        classes: Sequence[str] | str | int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        skip_unreadable: bool = False,
        max_refetch: int = 20,
        metainfo: Mapping | None = None,
        **kwargs,
    ) -> None:
        self.skip_unreadable = skip_unreadable
        metainfo = dict(metainfo or {})
        if classes is not None:
            metainfo['classes'] = self._read_classes(classes, data_root)
        super().__init__(
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=dict(data_prefix or dict(img_path='')),
            pipeline=list(pipeline),
            test_mode=test_mode,
            max_refetch=max_refetch,
            **kwargs,
        )

    @property
    def num_classes(self) -> int:
        """int: Number of classes."""
        classes = self._metainfo.get('classes')
        if not classes:
            raise ValueError(
                f'{type(self).__name__} does not know its classes: set `classes` to their names, '
                'to a text file with one name per line, or to their number'
            )
        return len(classes)

    def get_cat_ids(self, idx: int) -> list[int]:
        """Get the class of a picture, as mmengine's ClassBalancedDataset asks for it."""
        return [int(self.get_data_info(idx)['gt_label'])]

    def prepare_data(self, idx: int) -> dict | None:
        """Run one picture through the pipeline.

        Raises:
            UnreadableImageError: The picture cannot be read, and it may not or could not be
                replaced.
        """
        try:
            return super().prepare_data(idx)
        except UnreadableImageError as error:
            if self.test_mode:
                # A replacement would change the figures.
                raise
            if not self.skip_unreadable:
                raise UnreadableImageError(
                    f'{error}. Repair it, or train with skip_unreadable=True'
                ) from error
            unreadable = error
        for _ in range(self.max_refetch):
            # mmengine passes only errors of the other ranks on, and each picture must be named.
            print_log(
                f'{unreadable}; another picture takes its place',
                logger='current',
                level=logging.WARNING if get_rank() == 0 else logging.ERROR,
            )
            try:
                return super().prepare_data(self._rand_another())
            except UnreadableImageError as error:
                unreadable = error
        raise UnreadableImageError(
            f'{self.max_refetch} pictures in place of an unreadable one could not be read either, '
            f'the last: {unreadable}'
        ) from unreadable

    @staticmethod
    def _read_classes(classes: Sequence[str] | str | int, data_root: str) -> tuple[str, ...]:
        if isinstance(classes, str):
            return read_class_names(osp.join(data_root, classes))
        if isinstance(classes, int):
            if classes < 1:
                raise AnnotationError(f'classes={classes}: there must be at least one class')
            return tuple(str(index) for index in range(classes))
        return tuple(classes)
