from __future__ import annotations

import logging
import os.path as osp
from collections.abc import Sequence

from mmengine.dist import get_rank
from mmengine.logging import print_log

from .errors import AnnotationError, UnreadableImageError
from .split_lists import read_class_names

__all__ = ['PictureSetMixin']


class PictureSetMixin:
    """What all picture sets of this package share: class names and unreadable pictures.

    It stands before a subclass of :class:`mmengine.dataset.BaseDataset` among the bases, and the
    set has an attribute ``skip_unreadable`` (bool).
    """

    skip_unreadable: bool = False

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
