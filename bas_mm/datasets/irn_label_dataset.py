from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Mapping, Sequence

from mmengine.dataset import BaseDataset

from bas_mm.registry import DATASETS
from bas_mm.utils.config_types import registered_class

from .label_map_folder import require_label_maps
from .pickled_pictures_mixin import PickledPicturesMixin
from .picture_set_mixin import build_transforms

__all__ = ['IRNLabelDataset']


@DATASETS.register_module()
class IRNLabelDataset(PickledPicturesMixin, BaseDataset):
    """The pictures of a set with IRNet's labels in place of their own.

    Samples have ``img_path``, ``image_id`` and ``seg_map_path``, which is ``label_dir/ID.png``: a
    palette PNG with 0 background, k + 1 class k, 255 unsure.

    Args:
        pictures: Config of the data set over which seeds were made; only its ids and paths are
            used. Every picture must have a label map.
        label_dir: Folder of the label maps.
        pipeline: Transforms. Defaults to ().
        **kwargs: Of mmengine's ``BaseDataset``: ``indices``, ``test_mode`` …

    Raises:
        AnnotationError: A picture has no label map; the message names the folder and the step
            that fills it.
    """

    #: For messages: what a picture has here, and how one comes to it.
    WHAT = 'IRNet label'
    ADVICE = 'Make them with tools/wsss/make_irn_labels.py, or set label_dir to where they are'
    #: The argument that names their folder.
    FOLDER = 'label_dir'

    def __init__(
        self,
        pictures: Mapping,
        label_dir: str,
        pipeline: Sequence[dict | Callable] = (),
        **kwargs,
    ) -> None:
        self.pictures = dict(pictures)
        self.label_dir = label_dir
        super().__init__(pipeline=build_transforms(pipeline), **kwargs)

    @classmethod
    def needed_paths(cls, settings: Mapping, masks: bool) -> dict[str, str]:
        """As that of :class:`BaseMultiLabelDataset`, with those of its pictures."""
        kind = registered_class(DATASETS, settings['pictures'])
        paths = {}
        if hasattr(kind, 'needed_paths'):
            paths.update(kind.needed_paths(settings['pictures'], masks=False))
        if masks:
            paths[settings[cls.FOLDER]] = cls.ADVICE
        return paths

    def load_data_list(self) -> list[dict]:
        """List the pictures and see that each has its labels."""
        pictures = DATASETS.build({**self.pictures, 'pipeline': []})
        infos = []
        for index in range(len(pictures)):
            info = pictures.get_data_info(index)
            path = osp.join(self.label_dir, f'{info["image_id"]}.png')
            infos.append(
                dict(img_path=info['img_path'], seg_map_path=path, image_id=info['image_id'])
            )
        names = [f'{info["image_id"]}.png' for info in infos]
        require_label_maps(self.label_dir, names, self.WHAT, self.ADVICE)
        return infos
