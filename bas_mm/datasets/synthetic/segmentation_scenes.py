from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence

from mmseg.datasets import BaseSegDataset

from bas_mm.registry import DATASETS
from bas_mm.utils.palette import colour_map

from ..checked_masks_mixin import CheckedMasksMixin
from .scene_writer import require_scenes_of
from .species import scene_class_names

__all__ = ['SegmentationScenes']


@DATASETS.register_module()
class SegmentationScenes(CheckedMasksMixin, BaseSegDataset):
    """The pictures of :class:`SyntheticScenes` as a data set of mmsegmentation.

    It is mmsegmentation's own data set on the generated folder: pictures from JPEGImages, masks
    from SegmentationClass or from a folder of pseudo masks. The classes are the background and
    those of the set. The folder is painted the first time it is asked for.

    Args:
        split (str): 'train', 'val' or 'trainval'. Defaults to 'train'.
        data_root (str): Where generated sets are kept. Defaults to 'data/synthetic_scenes'.
        num_train, num_val, num_classes, image_size, seed, scene: As of :class:`SyntheticScenes`.
        mask_dir (str, optional): A folder of masks NAME.png (0 background, k + 1 class k, 255
            ignored) in place of the true ones, relative to the working directory. Defaults to
            None.
        **kwargs: Further arguments of mmsegmentation's ``BaseSegDataset``: ``pipeline``,
            ``test_mode``, ``indices`` and so on.

    Raises:
        ValueError: If an argument is out of its range.
        AnnotationError: A picture has no mask in ``mask_dir``.
    """

    MASK_ADVICE = (
        'Make them with tools/wsss/make_masks.py, or set `mask_dir` to None for the true ones'
    )
    TRUE_MASK_ADVICE = MASK_ADVICE

    @classmethod
    def needed_paths(cls, settings: Mapping, masks: bool) -> dict[str, str]:
        """Its masks, if they are others than its own: all else is painted."""
        folder = settings.get('mask_dir')
        return {folder: cls.TRUE_MASK_ADVICE} if masks and folder else {}

    def __init__(
        self,
        split: str = 'train',
        data_root: str = 'data/synthetic_scenes',
        num_train: int = 1000,
        num_val: int = 200,
        num_classes: int = 4,
        image_size: Sequence[int] = (112, 144),
        seed: int = 0,
        scene: Mapping | None = None,
        mask_dir: str | None = None,
        **kwargs,
    ) -> None:
        num_images = num_train, num_val
        root = require_scenes_of(split, data_root, num_images, num_classes, image_size, seed, scene)
        super().__init__(
            ann_file=osp.join(root, 'ImageSets', 'Segmentation', f'{split}.txt'),
            data_prefix=dict(
                img_path=osp.join(root, 'JPEGImages'),
                seg_map_path=mask_dir or osp.join(root, 'SegmentationClass'),
            ),
            metainfo=dict(
                classes=('background', *scene_class_names(num_classes)),
                palette=colour_map(num_classes + 1).tolist(),
            ),
            **kwargs,
        )
