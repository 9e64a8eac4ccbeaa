from __future__ import annotations

import os.path as osp
from collections.abc import Sequence

from bas_mm.registry import DATASETS

from .errors import AnnotationError
from .split_folder import SplitFolder
from .split_lists import LOCALIZATION

__all__ = ['OpenImages30k']


@DATASETS.register_module()
class OpenImages30k(SplitFolder):
    """OpenImages30k: pictures and instance masks of OpenImages V5, chosen by split folders.

    Source: Choe et al., *Evaluating Weakly Supervised Object Localization Methods Right*, CVPR
    2020. The set is defined by its split folders alone::

        OpenImages30k/
        ├── metadata/
        │   ├── train/    29,819 pictures, labels only
        │   ├── val/      2,500, with masks (train-fullsup)
        │   └── test/     5,000, with masks
        └── train|val|test/...       the pictures and masks, at the paths that the lists name

    ``localization.txt`` has lines ``id,mask_path,ignore_path``: one per instance, the ignore
    region on the first line of a picture. Boxes there are an error, for the metrics of this set
    (PxAP and pIoU) count pixels.

    Args:
        split_dir (str): The folder of the lists, below ``data_root`` if it is relative.
        data_root (str): Root of relative paths. Defaults to 'data/OpenImages30k'.
        classes (Sequence[str] | str | int): See :class:`BaseLocalizationDataset`. Defaults to
            100: the lists number the classes.
        **kwargs: Further arguments of :class:`SplitFolder`.

    Example:
        >>> from bas_mm.datasets import OpenImages30k
        >>> dataset = OpenImages30k('metadata/test', data_root='data/OpenImages30k')
        >>> len(dataset.get_data_info(0)['mask_paths']) > 0
        True
    """

    def __init__(
        self,
        split_dir: str,
        data_root: str = 'data/OpenImages30k',
        classes: Sequence[str] | str | int = 100,
        **kwargs,
    ) -> None:
        super().__init__(split_dir, data_root, classes=classes, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read and check the lists."""
        infos = super().load_data_list()
        if self.with_boxes and 'mask_paths' not in infos[0]:
            raise AnnotationError.at(
                osp.join(self.split_dir, LOCALIZATION),
                1,
                'boxes where masks were expected',
                'Write id,mask_path,ignore_path, or use SplitFolder',
            )
        return infos
