from __future__ import annotations

from collections.abc import Mapping, Sequence

from bas_mm.registry import DATASETS

from ..voc12_multi_label import VOC12MultiLabel
from .scene_writer import require_scenes_of
from .species import SCENE_SPECIES, scene_class_names

__all__ = ['SyntheticScenes']


@DATASETS.register_module()
class SyntheticScenes(VOC12MultiLabel):
    """Generated pictures with one to three animals each, in the layout of PASCAL VOC.

    The animals are those of :class:`SyntheticParts`: the head, small and bright, says the class by
    itself. Up to four classes the body's pattern, at lower contrast, says it too; further classes
    share a body with one of those. About 40 % of the pictures have animals of one class, half of
    them of two, the rest of three. Animals may hide parts of each other, but at most about a third
    of an animal and a tenth of its head. Some 30 % of the pictures are higher than wide, and their
    sizes differ by some pixels.

    Nothing is downloaded: the pictures are painted the first time they are asked for (about
    15 ms each), kept below ``data_root`` and read from there afterwards, in a folder of their own
    that is named by the parameters. ``data_root`` of the data set is that folder; in it are
    JPEGImages, Annotations, SegmentationClass and ImageSets, which other programs can read. The
    first pictures of a split stay the same when their number is changed.

    Args:
        split (str): 'train', 'val' or 'trainval'. Defaults to 'train'.
        data_root (str): Where generated sets are kept. Defaults to 'data/synthetic_scenes'.
        num_train (int): Number of training pictures. Defaults to 1000.
        num_val (int): Number of validation pictures. Defaults to 200.
        num_classes (int): 2 to 8. Defaults to 4.
        image_size (Sequence[int]): Shorter and longer side in pixels. Defaults to (112, 144).
        seed (int): Seed of the whole set. Defaults to 0.
        scene (Mapping, optional): Other settings of
            :class:`~bas_mm.datasets.synthetic.scene.SceneParams`, such as ``portrait``. Defaults
            to None.
        **kwargs: Further arguments of :class:`VOC12MultiLabel`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> from bas_mm.datasets import SyntheticScenes
        >>> dataset = SyntheticScenes('val', data_root='/tmp/scenes', num_train=8, num_val=8)
        >>> [dataset.metainfo['classes'][k] for k in dataset.get_data_info(0)['gt_label']]
        ['banded_fox', 'netted_ram']
    """

    METAINFO = dict(classes=tuple(species.name for species in SCENE_SPECIES))

    @classmethod
    def needed_paths(cls, settings: Mapping, masks: bool) -> dict[str, str]:
        """None: they are painted."""
        return {}

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
        **kwargs,
    ) -> None:
        num_images = num_train, num_val
        super().__init__(
            data_root=require_scenes_of(
                split, data_root, num_images, num_classes, image_size, seed, scene
            ),
            split=split,
            classes=scene_class_names(num_classes),
            **kwargs,
        )
