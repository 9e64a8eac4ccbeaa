from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bas_mm.registry import DATASETS

from .irn_label_dataset import IRNLabelDataset
from .label_map_folder import require_classes_of_masks

__all__ = ['PseudoMaskDataset']


@DATASETS.register_module()
class PseudoMaskDataset(IRNLabelDataset):
    """The pictures of a set with pseudo masks, or other masks, for a segmentor.

    Samples have what mmsegmentation's own data sets give, ``image_id`` and ``num_classes``;
    ``seg_map_path`` is ``mask_dir/ID.png``: a palette PNG with 0 background, k + 1 class k, 255
    ignored. Pictures may have any ending and lie in subfolders, as the set has them. ``metainfo``
    has ``classes``, the background before those of the set, and ``palette``.

    Args:
        pictures: Config of the data set over which the masks were made, such as
            :class:`MultiLabelList`. Every picture must have a mask.
        mask_dir: Folder of the masks.
        pipeline: Transforms. Defaults to ().
        **kwargs: Of mmengine's ``BaseDataset``: ``indices``, ``test_mode`` …

    Raises:
        AnnotationError: A picture has no mask; the message names the folder and the step that
            fills it. Or ``masks.json`` there, which ``make_masks.py`` writes, has the classes in
            another order than the set.
    """

    WHAT = 'mask'
    ADVICE = 'Make them with tools/wsss/make_masks.py, or set mask_dir to where they are'
    FOLDER = 'mask_dir'

    def __init__(
        self,
        pictures: Mapping,
        mask_dir: str,
        pipeline: Sequence[dict | Callable] = (),
        **kwargs,
    ) -> None:
        # Only what is said of the set as a whole is read here.
        known = DATASETS.build({**pictures, 'pipeline': [], 'lazy_init': True}).metainfo
        metainfo = dict(classes=('background', *known['classes']))
        if 'palette' in known:
            metainfo['palette'] = known['palette']
        super().__init__(pictures, mask_dir, pipeline, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the pictures and see that each has its mask."""
        own = self._metainfo['classes'][1:]
        require_classes_of_masks(self.label_dir, own, 'its `pictures`')
        # What mmsegmentation's transforms look for.
        told = dict(label_map=None, reduce_zero_label=False)
        told['num_classes'] = len(self._metainfo['classes'])
        return [{**info, **told, 'seg_fields': []} for info in super().load_data_list()]
