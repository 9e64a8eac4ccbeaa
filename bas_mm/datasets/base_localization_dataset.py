from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from mmengine.dataset import BaseDataset

from .picture_set_mixin import PictureSetMixin, build_transforms

__all__ = ['BaseLocalizationDataset']


class BaseLocalizationDataset(PictureSetMixin, BaseDataset):
    """What the sets with one class per picture share.

    A subclass implements ``load_data_list`` and returns dicts with

    * ``img_path`` (str), ``image_id`` (str), ``gt_label`` (int);
    * ``gt_bboxes``: float64 (n, 4), x0, y0, x1, y1 in pixels of the original picture, both
      corners inside the object; absent where labels are weak;
    * ``width``, ``height`` (int) where the annotation gives them.

    Args:
        data_root (str): Root of the relative paths below. Defaults to ''. In Python code this,
            ``data_prefix`` and ``classes`` may have :class:`pathlib.Path`, too; configs are text.
        data_prefix (dict | str, optional): Folders in place of those of :attr:`DATA_PREFIX`, below
            ``data_root`` if relative; ``img_path`` is that of the pictures, as is a text alone.
            Defaults to None.
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

    #: Folders below ``data_root``; ``img_path`` is that of the pictures.
    DATA_PREFIX: Mapping[str, str] = dict(img_path='')

    def __init__(
        self,
        data_root: str = '',
        data_prefix: Mapping[str, str] | str | None = None,
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
            data_root=os.fspath(data_root or ''),
            data_prefix=self._folders(data_prefix, self.DATA_PREFIX),
            pipeline=build_transforms(pipeline),
            test_mode=test_mode,
            max_refetch=max_refetch,
            **kwargs,
        )

    @property
    def CLASSES(self) -> Sequence[str] | None:
        """Names of the classes, as mmpretrain's hooks ask for them."""
        return self.metainfo.get('classes')

    def get_cat_ids(self, idx: int) -> list[int]:
        """Get the class of a picture, as mmengine's ClassBalancedDataset asks for it."""
        return [int(self.get_data_info(idx)['gt_label'])]
