from __future__ import annotations

import os
import os.path as osp
from collections.abc import Callable, Mapping, Sequence

from mmpretrain.datasets import MultiLabelDataset

from bas_mm.registry import DATASETS
from bas_mm.utils.arguments import is_path
from bas_mm.utils.palette import colour_map

from .collector import paused_collector
from .errors import AnnotationError
from .label_lists import LabelList, read_label_list
from .listed_files import check_files_exist, join_paths, require_folder
from .picture_names import picture_stem
from .picture_set_mixin import PictureSetMixin, build_transforms

__all__ = ['BaseMultiLabelDataset']


class BaseMultiLabelDataset(PictureSetMixin, MultiLabelDataset):
    """What the sets with several classes per picture share. Not registered.

    A subclass implements :meth:`read_annotations` with the help of :meth:`make_infos`. Its dicts
    have

    * ``img_path`` (str), and ``image_id`` (str): the file's name without ending, unique, because
      files that are made of a picture are named by it;
    * ``gt_label`` (list[int]): its classes, ascending, each once, counted from 0;
    * ``seg_map_path`` (str) where the folder of masks has one of the picture: a PNG of indices
      with 0 background, k + 1 class k, 255 ignored.

    ``metainfo`` has ``classes``, without the background, and ``palette``, RGB, background first.

    Args:
        data_root (str): Root of the relative paths. Defaults to ''. In Python code this,
            ``data_prefix`` and ``classes`` may have :class:`pathlib.Path`, too; configs are text.
        data_prefix (Mapping[str, str | None] | str, optional): Folders in place of those of
            :attr:`DATA_PREFIX`, below ``data_root`` if relative; ``seg_map_path=None`` for
            without masks. A text alone is that of the pictures. Defaults to None.
        classes (Sequence[str] | str | int, optional): Names of the classes; or a text file with
            one name per line (below ``data_root`` if relative); or their number, which gives
            the names '0', '1' and so on. Defaults to None: those of the class.
        pipeline (Sequence[dict | Callable]): Transforms. Defaults to ().
        test_mode (bool): Whether the set is for validation or test. Defaults to False.
        allow_unlabelled (bool): Whether a picture may have no class. Otherwise such a picture is
            an error: no seeds can be made for it, it is a negative of CAM's and teaches BAS-Seg
            nothing. Defaults to False.
        check_files (bool): Whether to check that each picture is on disk; each directory is
            listed once. Defaults to True.
        skip_unreadable (bool): Whether a picture that cannot be read in training is named in the
            log and replaced by another one, drawn at random. Where it is False, and always in
            test mode, such a picture is an error. Defaults to False.
        max_refetch (int): How many replacements are tried for one picture. Defaults to 20.
        metainfo (Mapping, optional): Further meta information. Defaults to None.
        ann_file (str): The annotation, below ``data_root`` if relative, of sets that have one
            file. Defaults to ''.
        **kwargs: Further arguments of :class:`mmpretrain.datasets.MultiLabelDataset`.
    """

    #: Folders below ``data_root``.
    DATA_PREFIX: Mapping[str, str | None] = dict(img_path='')
    #: What ``data_root`` is, for messages.
    ROOT_PURPOSE = 'the folder of the data set'
    #: For messages: what to do about true masks that are missing.
    TRUE_MASK_ADVICE = 'Set it to where they are'

    def __init__(
        self,
        data_root: str = '',
        data_prefix: Mapping[str, str | None] | str | None = None,
        classes: Sequence[str] | str | int | None = None,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        allow_unlabelled: bool = False,
        check_files: bool = True,
        skip_unreadable: bool = False,
        max_refetch: int = 20,
        metainfo: Mapping | None = None,
        ann_file: str = '',
        **kwargs,
    ) -> None:
        self.allow_unlabelled = allow_unlabelled
        self.check_files = check_files
        self.skip_unreadable = skip_unreadable
        metainfo = dict(metainfo or {})
        if classes is not None:
            metainfo['classes'] = self._read_classes(classes, data_root)
        names = metainfo.get('classes', self.METAINFO.get('classes', ()))
        if names and 'palette' not in metainfo:
            colours = colour_map(min(len(names) + 1, 256))
            metainfo['palette'] = [tuple(colour) for colour in colours.tolist()]
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=os.fspath(data_root or ''),
            data_prefix=self._folders(data_prefix, self.DATA_PREFIX),
            pipeline=build_transforms(pipeline),
            test_mode=test_mode,
            max_refetch=max_refetch,
            **kwargs,
        )

    @classmethod
    def names_masks(cls, settings: Mapping) -> bool:
        """Whether its settings name a folder of masks, told without its files.

        Args:
            settings (Mapping): Its arguments, as a config has them.
        """
        given = settings.get('data_prefix')
        given = given if isinstance(given, Mapping) else {}
        return {**cls.DATA_PREFIX, **given}.get('seg_map_path') is not None

    @classmethod
    def needed_paths(cls, settings: Mapping, masks: bool) -> dict[str, str]:
        """The files and folders that it is made of, told without opening them.

        Args:
            settings (Mapping): Its config.
            masks (bool): Whether its folder of masks is one of them.

        Returns:
            dict[str, str]: What to do about each that is not there, by its path.
        """
        names = settings.get('classes')
        in_file = is_path(names)
        if in_file:
            settings = {**settings, 'classes': 1}  # their file would be opened
        own = DATASETS.build({**settings, 'pipeline': [], 'lazy_init': True})
        if own.data_root and not osp.isdir(own.data_root):
            return {own.data_root: f'It is {cls.ROOT_PURPOSE}: correct the path'}
        paths = {own.data_prefix['img_path']: 'Correct data_root or data_prefix.img_path'}
        paths.update(own.annotation_paths())
        if in_file:
            paths[osp.join(own.data_root, names)] = 'Correct classes'
        if masks and 'seg_map_path' in own.data_prefix:
            paths[own.data_prefix['seg_map_path']] = (
                f'It is for true masks (data_prefix.seg_map_path). {cls.TRUE_MASK_ADVICE}, or to '
                'None if there are none'
            )
        return paths

    def annotation_paths(self) -> dict[str, str]:
        """Of :meth:`needed_paths`, those that :meth:`read_annotations` reads."""
        return {self.ann_file: 'Correct ann_file'}

    def load_data_list(self) -> list[dict]:
        """Read and check the annotation.

        Returns:
            One dict per picture.

        Raises:
            AnnotationError: Something is missing or wrong; the message says where.
        """
        if self.data_root:
            require_folder(self.data_root, self.ROOT_PURPOSE)
        with paused_collector():
            return self.read_annotations()

    def read_annotations(self) -> list[dict]:
        """Read the set."""
        raise NotImplementedError

    def read_labels(self, file: str) -> LabelList:
        """Read a list ``name class class ...``, see :func:`~.label_lists.read_label_list`."""
        return read_label_list(file, self._metainfo['classes'], self.allow_unlabelled)

    def make_infos(
        self,
        files: Sequence[str],
        labels: Sequence[list[int]],
        lines: Sequence[int],
        source: str,
        unit: str = 'line',
    ) -> list[dict]:
        """Make the dicts of pictures.

        Args:
            files: Paths below ``img_path``, of different names.
            labels: The classes of each, ascending, each once.
            lines: The line of each in ``source``.
            source: The file that lists them, for messages.
            unit: What ``lines`` counts: 'line', or 'entry'.

        Raises:
            AnnotationError: There is no picture, one has no class, or one is not on disk.
        """
        if not files:
            raise AnnotationError.at(
                source, None, 'there is no picture with a class', 'Use another list or split'
            )
        if not self.allow_unlabelled:
            bare = [position for position, found in enumerate(labels) if not found]
            if bare:
                raise AnnotationError.at_first(
                    source,
                    [lines[position] for position in bare],
                    f'{files[bare[0]]} has no class',
                    'Add its classes, take it from the list, or set allow_unlabelled=True',
                    unit,
                )
        root = self.data_prefix['img_path']
        if self.check_files:
            check_files_exist(files, lines, source, root, unit=unit)
        mask_root = self.data_prefix.get('seg_map_path')
        masks = set(os.listdir(mask_root)) if mask_root and osp.isdir(mask_root) else ()
        infos = []
        for path, file, found in zip(join_paths(root, files), files, labels):
            stem = picture_stem(file)
            info = dict(img_path=path, image_id=stem, gt_label=found)
            if f'{stem}.png' in masks:
                info['seg_map_path'] = osp.join(mask_root, f'{stem}.png')
            infos.append(info)
        return infos
