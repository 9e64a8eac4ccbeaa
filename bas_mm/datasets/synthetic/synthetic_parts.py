from __future__ import annotations

import os.path as osp
from collections.abc import Mapping

from bas_mm.registry import DATASETS

from ..split_folder import SplitFolder
from .render import RenderParams
from .species import SPECIES, class_names
from .writer import SPLITS, SetParams, require_set

__all__ = ['SyntheticParts']


@DATASETS.register_module()
class SyntheticParts(SplitFolder):
    """Generated pictures of animals whose class shows most in one small part, the head.

    Nothing is downloaded: the pictures are painted the first time they are asked for (about
    10 ms each), kept below ``data_root`` and read from there afterwards.

    What carries the class. There are eight classes, chimeras with the body of one of four
    families and a head of their own:

    * the **head** (a fox's, an owl's, ...; 10 to 15 % of the animal's area, bright and the same
      in all pictures but for pose and brightness) says which class it is by itself;
    * the **body** with its legs and tail has its family's pattern (banded, spotted, netted or
      lined) at low contrast on a coat of random dull colour. Two classes share each pattern, so
      that the body narrows eight classes down to two and can never tell those two apart;
    * everything else is drawn at random whatever the class: the colours of coat and background,
      pose, proportions, size (0.4 to 0.8 of the picture), place, light and the six to twelve
      shapes of clutter, some of them as bright as the heads.

    So a network that classifies well has strong evidence on a small part and weaker evidence on
    the rest of the object, as with the heads and bodies of birds. Pixels of the background never
    carry class evidence. Box and mask are those of the whole animal, head, body, legs and tail.

    Splits: ``train`` has class labels only. ``val`` is the one that may choose a threshold or a
    checkpoint. ``test`` is for the figures that are reported. ``val`` and ``test`` have boxes, and
    in ``metadata_masks/`` beside ``metadata/`` the same lists with masks.

    The same arguments give the same bytes, with the same versions of numpy and OpenCV. The first
    pictures of a split stay the same when their number is changed.

    Args:
        split (str): 'train', 'val' or 'test'.
        data_root (str): Where generated sets are kept, each in a folder of its own that is named
            by its parameters. Defaults to 'data/synthetic_parts'.
        num_train (int): Number of training pictures. Defaults to 1200.
        num_val (int): Number of validation pictures. Defaults to 200.
        num_test (int): Number of test pictures. Defaults to 400.
        num_classes (int): An even number from 2 to 8. Defaults to 8.
        image_size (int): Side of the pictures in pixels. Defaults to 96.
        seed (int): Seed of the whole set. Defaults to 0.
        render (Mapping, optional): Other settings of
            :class:`~bas_mm.datasets.synthetic.render.RenderParams`, such as ``body_contrast``.
            Defaults to None.
        localization (str): 'boxes', 'masks' or 'both': what ``val`` and ``test`` carry. Defaults
            to 'boxes'.
        **kwargs: Further arguments of :class:`SplitFolder`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:
        >>> from bas_mm.datasets import SyntheticParts
        >>> dataset = SyntheticParts('val', data_root='/tmp/parts', num_train=8, num_val=8,
        ...                          num_test=8)
        >>> dataset.metainfo['classes'][dataset.get_data_info(0)['gt_label']]
        'banded_fox'
    """

    METAINFO = dict(classes=tuple(species.name for species in SPECIES))

    def __init__(
        self,
        split: str,
        data_root: str = 'data/synthetic_parts',
        num_train: int = 1200,
        num_val: int = 200,
        num_test: int = 400,
        num_classes: int = len(SPECIES),
        image_size: int = 96,
        seed: int = 0,
        render: Mapping | None = None,
        localization: str = 'boxes',
        **kwargs,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f'split={split!r}: SyntheticParts has the splits {", ".join(SPLITS)}')
        if localization not in ('boxes', 'masks', 'both'):
            raise ValueError(
                f"localization={localization!r}: it must be 'boxes', 'masks' or 'both'"
            )
        params = SetParams(
            num_images=(num_train, num_val, num_test),
            num_classes=num_classes,
            seed=seed,
            render=RenderParams(image_size=image_size, **(render or {})),
        )
        root = require_set(data_root, params)
        masks = localization == 'masks' and split != 'train'
        # Boxes are read from the split's own folder, masks from the one beside it.
        self.mask_split_dir = None
        if localization == 'both' and split != 'train':
            self.mask_split_dir = osp.join(root, 'metadata_masks', split)
        super().__init__(
            split_dir=f'{"metadata_masks" if masks else "metadata"}/{split}',
            data_root=root,
            data_prefix=dict(img_path='images', mask_path='masks'),
            classes=class_names(num_classes),
            with_boxes=split != 'train',
            **kwargs,
        )

    def _add_localization(self, infos: list[dict], *lists) -> None:
        super()._add_localization(infos, *lists)
        if self.mask_split_dir is not None:
            boxes_dir, self.split_dir = self.split_dir, self.mask_split_dir
            super()._add_localization(infos, *lists)
            self.split_dir = boxes_dir
