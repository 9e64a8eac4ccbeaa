from __future__ import annotations

import logging
import os
import os.path as osp
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral

from mmengine.dist import get_rank
from mmengine.logging import print_log

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.arguments import is_path, is_single

from .errors import AnnotationError, UnreadableImageError
from .pickled_pictures_mixin import PickledPicturesMixin
from .text_lists import read_class_names

__all__ = ['PictureSetMixin', 'build_transforms']

_Path = str | os.PathLike


def build_transforms(pipeline: Sequence[dict | Callable]) -> list[Callable]:
    """The transforms of a pipeline, where mmengine would look in its own registry.

    In ours those of all libraries are found, and bas_mm's by their bare names without a default
    scope, too.

    Args:
        pipeline: Configs of transforms, or transforms.
    """
    return [TRANSFORMS.build(t) if isinstance(t, dict) else t for t in pipeline]


class PictureSetMixin(PickledPicturesMixin):
    """What all picture sets of this package share: class names, unreadable pictures, memory.

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

    @property
    def requires_each_picture(self) -> bool:
        """bool: Whether no picture may be left out, so that it is refused as soon as it is known.

        ``make_boxes.py`` leaves some out of a set for test with ``skip_unreadable``.
        """
        return self.test_mode and not self.skip_unreadable

    def prepare_data(self, idx: int) -> dict | None:
        """Run one picture through the pipeline.

        Raises:
            UnreadableImageError: The picture cannot be read, and it may not or could not be
                replaced.
        """
        try:
            return super().prepare_data(idx)
        except UnreadableImageError as error:
            advice = None
            if self.test_mode:
                # A replacement would change the figures.
                advice = 'take it from all lists'
            elif not self.skip_unreadable:
                advice = 'train with train_dataloader.dataset.skip_unreadable=True'
            if advice is not None:
                raise UnreadableImageError(f'{error}. Repair it, or {advice}') from error
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
    def _folders(
        given: Mapping[str, _Path | None] | _Path | None, defaults: Mapping[str, str | None]
    ) -> dict[str, str]:
        """``data_prefix``: a path alone is the folder of the pictures, as in mmpretrain."""
        own = {'img_path': given} if is_path(given) else given or {}
        folders = {}
        # With the keys of mmdetection the pictures would be looked for in the folder's default.
        if isinstance(own, Mapping) and 'img' not in own:
            folders = {k: path for k, path in {**defaults, **own}.items() if path is not None}
        if not is_path(folders.get('img_path')):
            raise AnnotationError(
                f'data_prefix={own!r}: give the folder of the pictures as '
                "data_prefix=dict(img_path='FOLDER')"
            )
        for key, path in folders.items():
            if not is_path(path):
                raise AnnotationError(f'data_prefix: {key}={path!r} is no path of a folder')
        return {key: os.fspath(path) for key, path in folders.items()}

    @staticmethod
    def _read_classes(classes: Sequence[str] | _Path | int, data_root: _Path) -> tuple[str, ...]:
        if is_path(classes):
            return read_class_names(osp.join(data_root, classes))
        if isinstance(classes, Integral) and not isinstance(classes, bool):
            if classes < 1:
                raise AnnotationError(f'classes={classes}: there must be at least one class')
            return tuple(str(index) for index in range(classes))
        # A set has its names in another order in each process.
        unfit = is_single(classes) or isinstance(classes, (Mapping, set, frozenset, bytes))
        names = () if unfit else tuple(classes)
        if unfit or not all(isinstance(name, (str, Integral)) for name in names):
            raise AnnotationError(
                f'classes={classes!r}: give the names of the classes, as texts and in their order, '
                'a text file with one name per line, or their number'
            )
        return tuple(map(str, names))
