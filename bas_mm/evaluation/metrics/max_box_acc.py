"""MaxBoxAcc (Protocol B with one contour) as a metric of mmengine's evaluator."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bas_mm.registry import METRICS

from ..functional import PROTOCOL_B_TAUS, BoxAccFigures, box_acc_figures
from ..picture_work import count_largest_box
from .view_map_metric import ViewMapMetric

__all__ = ['MaxBoxAcc']


@METRICS.register_module()
class MaxBoxAcc(ViewMapMetric):
    """Share of pictures with IoU >= 0.5 at the best of 1000 thresholds (spec, Protocol B).

    One box per picture: around the contour of the largest area. Reports in percent, under the
    prefix ``localization/``: ``max_box_acc``; and ``max_box_acc_threshold``, the τ it is reached
    at, the smallest of several.

    Each data sample must hold ``pred_map`` (h, w) and ``gt_bboxes_view`` (n, 4), n >= 1: the
    original boxes scaled to the view **without a crop**, truncated, corners inclusive.
    :class:`~bas_mm.datasets.PackLocalizationInputs` gives them. The map must show the whole
    picture too, so the test pipeline resizes to the view and does not crop
    (``LocResize(scale=224)``).

    Args:
        **kwargs: Arguments of :class:`ViewMapMetric`: ``normalize``, ``num_workers``,
            ``view_size``, ``per_class`` (figures of each class at the τ of the whole set),
            ``result_file``, ``curve`` (BoxAcc over τ) and others.

    Raises:
        ValueError: On a map with NaN or infinity or not of the shape (h, w), or, without
            ``normalize``, not of the view's size or in [0, 1]; a picture without a true box or
            with a bad one (not finite, x1 < x0 or y1 < y0), or two pictures of one id; the message
            names the picture. A constant map is no error: it predicts the box ``[0, 0, 0, 0]`` and
            is counted in one warning.

    Examples:
        >>> import torch
        >>> metric = MaxBoxAcc()
        >>> pred_map = torch.zeros(28, 28)
        >>> pred_map[7:14, 7:14] = 1
        >>> metric.process({}, [dict(
        ...     image_id='a.jpg', img_shape=(224, 224), pred_map=pred_map,
        ...     gt_bboxes_view=torch.tensor([[56, 56, 111, 111]]))])
        >>> metric.evaluate(1)['localization/max_box_acc']
        100.0
    """

    constant_outcome = 'the box [0, 0, 0, 0] is predicted'
    counter = staticmethod(count_largest_box)
    columns = ('best_iou', 'best_tau')
    curve_columns = ('box_acc',)

    def truth_of(self, sample: Mapping[str, Any]) -> np.ndarray:
        """The picture's true boxes at the view."""
        return self.boxes_of(sample, 'gt_bboxes_view', ': pack it by PackLocalizationInputs')

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], BoxAccFigures]:
        """MaxBoxAcc and its τ."""
        whole = box_acc_figures(counts, pictures)
        metrics = {
            'max_box_acc': float(whole.max_box_acc[0]),
            'max_box_acc_threshold': float(PROTOCOL_B_TAUS[whole.best[0]]),
        }
        return metrics, whole

    def class_figures(
        self, counts: np.ndarray, pictures: int, whole: BoxAccFigures
    ) -> dict[str, float]:
        """Share of right pictures of one class at the best τ of the whole set."""
        return {'max_box_acc': float(counts[0, whole.best[0]] / pictures * 100)}

    def curve_rows(self, whole: BoxAccFigures) -> list[dict]:
        """BoxAcc over τ."""
        rows = zip(PROTOCOL_B_TAUS.tolist(), whole.curve.T.tolist())
        return [{'tau': tau, **dict(zip(self.curve_columns, row))} for tau, row in rows]
