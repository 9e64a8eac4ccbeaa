from __future__ import annotations

from collections.abc import Callable, Sequence

from mmcv.transforms import BaseTransform, Compose
from mmengine.registry import DefaultScope

from bas_mm.registry import TRANSFORMS

__all__ = ['KeepLocalizationTruth']


@TRANSFORMS.register_module()
class KeepLocalizationTruth(BaseTransform):
    """Put the ground truth of localization aside, for a detector's test pipeline.

    A detector sees its pictures at sizes of its own, and in other views than a model of
    localization maps. So that the figures of both can be compared, the true boxes go through the
    transforms of the latter's test pipeline, and what comes out travels with the picture in one
    meta key, where :class:`DetectionLocalizationMetric` looks for it. The transforms of the
    detector, which know other boxes than these, do not see them.

    It comes right behind the reader of the picture.

    Required Keys:

    - img, img_path, ori_shape, image_id, gt_label
    - gt_bboxes, in pixels of the original picture

    Deleted Keys:

    - gt_bboxes

    Added Keys:

    - localization (dict): ``gt_label``; ``gt_bboxes``, int64 (n, 4) in pixels of the view;
      ``img_shape``, the view's; ``view_box``, where the view lies in the original picture. It must
      be among the ``meta_keys`` of what packs the sample, as ``image_id`` must.

    Args:
        view (Sequence[dict | Callable]): What the test pipeline of the localization maps has
            between reading and packing, such as ``LocResize`` and ``LocCenterCrop``. Defaults to
            (): the view is the picture as it is.
    """

    def __init__(self, view: Sequence[dict | Callable] = ()) -> None:
        # Under whatever scope the config of the detector is, these are transforms of this package.
        with DefaultScope.overwrite_default_scope('bas_mm'):
            self.view = Compose([*view, dict(type='PackLocalizationInputs')])

    def transform(self, results: dict) -> dict:
        """Move the ground truth to ``localization``."""
        # The transforms make new arrays: the picture itself stays as it is.
        sample = self.view(dict(results))['data_samples']
        if sample.get('view_lost'):
            raise ValueError(
                'KeepLocalizationTruth.view has a transform that changes the size of the picture '
                'without saying where the view lies: take LocResize, LocCenterCrop and the like'
            )
        results.pop('gt_bboxes', None)
        results['localization'] = dict(
            gt_label=int(results['gt_label']),
            gt_bboxes=sample.gt_bboxes.numpy(),
            img_shape=sample.img_shape,
            view_box=sample.view_box,
        )
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(view={self.view})'
