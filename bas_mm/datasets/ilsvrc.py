from __future__ import annotations

from mmpretrain.datasets.categories import IMAGENET_CATEGORIES

from bas_mm.registry import DATASETS

from .split_folder import SplitFolder

__all__ = ['ILSVRC']


@DATASETS.register_module()
class ILSVRC(SplitFolder):
    """ImageNet-1k (ILSVRC 2012) from split folders, with its class names.

    Classes are counted in the order of the sorted WordNet ids, as in mmpretrain and torchvision.
    The arguments are those of :class:`SplitFolder`; ``classes`` need not be given.
    """

    METAINFO = dict(classes=tuple(IMAGENET_CATEGORIES))
