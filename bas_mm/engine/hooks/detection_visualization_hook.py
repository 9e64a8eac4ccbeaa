from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from bas_mm.evaluation.functional import detected_box
from bas_mm.registry import HOOKS
from bas_mm.visualization.functional import cut_view

from .localization_visualization_hook import LocalizationVisualizationHook


@HOOKS.register_module()
class DetectionVisualizationHook(LocalizationVisualizationHook):
    """Draws a detector's pictures as those of a model of localization maps, without the map.

    Both are drawn in the same view and under the same names: the true boxes of
    :class:`KeepLocalizationTruth`, and the one detection that
    :class:`DetectionLocalizationMetric` counts, with the IoU that it has there.

    Args:
        class_agnostic (bool): Whether the detector's labels say nothing of classes: no class
            scores are drawn then. Defaults to False.
        **kwargs (Any): Those of :class:`LocalizationVisualizationHook`; ``train_interval`` must
            be 0, for a detector is trained in other views.

    Raises:
        ValueError: On a ``train_interval``; where a picture has no ``localization``.
    """

    def __init__(self, class_agnostic: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.train_interval:
            raise ValueError(
                'DetectionVisualizationHook draws no pictures of a training: leave out '
                'train_interval'
            )
        self.class_agnostic = class_agnostic

    def view_and_sample(
        self, inputs: torch.Tensor, sample: BaseDataElement
    ) -> tuple[np.ndarray, BaseDataElement]:
        """The view of the localization maps, its true boxes and the best detection.

        Args:
            inputs (torch.Tensor): (3, H, W), uint8: what the detector sees.
            sample (BaseDataElement): With ``pred_instances``, in pixels of the original picture,
                ``scale_factor`` and ``localization``.
        """
        truth = sample.get('localization')
        if truth is None:
            raise ValueError(
                'DetectionVisualizationHook: the test pipeline needs KeepLocalizationTruth, and '
                "'localization' among meta_keys"
            )
        picture, _ = super().view_and_sample(inputs, sample)
        found = sample.pred_instances
        boxes, scores, labels = (
            found[key].detach().cpu().numpy() for key in ('bboxes', 'scores', 'labels')
        )
        view_box, size = truth['view_box'], truth['img_shape'][:2]
        drawn = BaseDataElement()
        drawn.set_field(np.array(truth['gt_label']), 'gt_label')
        drawn.set_field(truth['gt_bboxes'], 'gt_bboxes')
        drawn.set_field(detected_box(boxes, scores, view_box, size), 'pred_bboxes')
        if len(scores) and not self.class_agnostic:
            of_classes = np.zeros(len(Visualizer.get_current_instance().dataset_meta['classes']))
            np.maximum.at(of_classes, labels, scores)
            drawn.set_field(of_classes, 'pred_score')
        # The detector has resized the original picture.
        return cut_view(picture, np.multiply(view_box, [*sample.scale_factor] * 2), size), drawn
