"""Protocol A as a metric of mmengine's evaluator."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bas_mm.registry import METRICS
from bas_mm.utils.arguments import in_range, is_single

from ..functional import (
    PROTOCOL_A_CRITERIA,
    choose_threshold,
    class_ranks,
    figure_at,
    protocol_a_figures,
)
from ..picture_work import measure_map
from .base_map_metric import BaseMapMetric

# Figures that depend on θ and are reported for every θ of a list.
_PER_THRESHOLD = ('top1_loc', 'top5_loc', 'gt_known')

_CORNERS = ('x0', 'y0', 'x1', 'y1')

_NO_BOXES = (
    ': end the pipeline with PackLocalizationInputs; pictures without boxes are evaluated by '
    'mmpretrain.Accuracy'
)


@METRICS.register_module()
class LocalizationMetric(BaseMapMetric):
    """Top-1 Loc, Top-5 Loc and GT-Known at fixed thresholds (Protocol A, spec metrics.md).

    Reports in percent, under the prefix ``localization/``: ``top1_loc``, ``top5_loc``,
    ``gt_known``, ``top1_cls``, ``top5_cls``, ``iou_30``, ``iou_50``, ``iou_70`` (share of
    pictures with at least that IoU) and ``mean_iou_acc`` (mean of these three); and
    ``threshold``, the θ they belong to. With several θ there are ``top1_loc@0.25``,
    ``top5_loc@0.25`` and ``gt_known@0.25`` for each, and the plain names belong to the best by
    Top-1 Loc + GT-Known, the smaller θ on a tie. A threshold must be chosen on ``val`` and then
    given as one number for ``test``.

    Each data sample must hold ``pred_map`` (h, w), ``pred_score`` (C,), ``gt_label`` (one class)
    and ``gt_bboxes`` (n, 4) in pixels of the view, n >= 1, corners inclusive; it may hold
    ``cls_score`` (C,), which ranks classes that a softmax has rounded to one. Pictures are counted,
    and counts alone travel between processes; the figures are the same on any number of
    processes, whatever the sampler padded.

    Args:
        thresholds (float | Sequence[float]): θ, each in [0, 1). Defaults to 0.1.
        view_size (int | tuple[int, int], optional): Height and width of the view; one number for
            both. Defaults to None: each data sample's ``img_shape``.
        per_class (bool): Whether the result file holds the figures of each class too, at the
            reported θ. Defaults to False.
        result_file (str, optional): Where the main process writes one line per picture: a
            ``.csv`` table, with the figures beside it, or a ``.json`` with all. Defaults to None:
            nowhere.
        **kwargs: Further arguments of :class:`BaseMapMetric`.

    Raises:
        ValueError: On a map with NaN or infinity or not of the shape (h, w), a picture without a
            true box or with a bad one (not finite, x1 < x0 or y1 < y0) or with not exactly one
            label, NaN scores, or two pictures of one id; the message names the picture. A constant
            map is no error: it predicts the whole picture and is counted in one warning.

    Examples:
        >>> import torch
        >>> metric = LocalizationMetric(thresholds=0.5)
        >>> pred_map = torch.zeros(28, 28)
        >>> pred_map[7:14, 7:14] = 1
        >>> metric.process({}, [dict(
        ...     image_id='a.jpg', img_shape=(224, 224), pred_map=pred_map,
        ...     pred_score=torch.tensor([0.9, 0.1]), gt_label=torch.tensor([0]),
        ...     gt_bboxes=torch.tensor([[56, 56, 111, 111]]))])
        >>> metric.evaluate(1)['localization/gt_known']
        100.0
    """

    batch_fields = ('pred_map', 'pred_score')
    work = staticmethod(measure_map)
    constant_outcome = 'the whole picture is predicted'

    def __init__(
        self,
        thresholds: float | Sequence[float] = 0.1,
        view_size: int | tuple[int, int] | None = None,
        per_class: bool = False,
        result_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            view_size=view_size, per_class=per_class, result_file=result_file, **kwargs
        )
        values = [thresholds] if is_single(thresholds) else list(thresholds)
        what = 'thresholds' if is_single(thresholds) else 'each of thresholds'
        # Maps are normalised.
        self.thresholds = tuple(in_range(what, theta, 0, 1, closed=False) for theta in values)
        if not self.thresholds:
            raise ValueError('thresholds is empty')
        if len(set(self.thresholds)) < len(self.thresholds):
            raise ValueError(f'thresholds holds a value twice: {self.thresholds}')
        # Of all rows, for there may be hundreds.
        names = ['iou', *_CORNERS]
        if len(values) > 1:
            names = [figure_at(name, theta) for theta in self.thresholds for name in names]
        self._columns = ['rank', *names]

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Reduce a batch of predictions to counts.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Predictions with their ground truth. Where they have it,
                the class is ranked by ``cls_score``: a softmax may round two scores to one.
        """
        if all(sample.get('cls_score') is not None for sample in data_samples):
            data_samples = [
                {**sample, 'pred_score': sample['cls_score']} for sample in data_samples
            ]
        super().process(data_batch, data_samples)

    def of_batch(
        self,
        samples: Sequence[Mapping[str, Any]],
        pred_score: Sequence[np.ndarray],
        **columns: Sequence[np.ndarray],
    ) -> dict[str, list[int]]:
        """Class of each picture, and its rank."""
        scores = np.reshape(pred_score, (len(samples), -1))
        labels = [self.label_of(sample) for sample in samples]
        if np.isposinf(scores).any():
            raise ValueError('a class score is infinite')
        return {'label': labels, 'rank': class_ranks(scores, labels).tolist()}

    def prepare(
        self,
        sample: Mapping[str, Any],
        name: str,
        pred_map: np.ndarray,
        pred_score: np.ndarray,
        label: int,
        rank: int,
    ) -> tuple:
        """Arguments of the work on one picture."""
        boxes = self.boxes_of(sample, 'gt_bboxes', _NO_BOXES)
        return pred_map, self.thresholds, self.view_of(sample), boxes, label, rank

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], int]:
        """Figures at the best θ, and of each θ; and which θ is the best."""
        by_name = dict(zip(PROTOCOL_A_CRITERIA, counts))
        best = choose_threshold(self.thresholds, by_name['top1_loc'] + by_name['gt_known'])
        percent = [
            protocol_a_figures(dict(zip(PROTOCOL_A_CRITERIA, own)), pictures) for own in counts.T
        ]
        metrics = {**percent[best], 'threshold': self.thresholds[best]}
        if len(self.thresholds) > 1:
            for theta, own in zip(self.thresholds, percent):
                metrics.update({figure_at(name, theta): own[name] for name in _PER_THRESHOLD})
        return metrics, best

    def class_figures(self, counts: np.ndarray, pictures: int, whole: int) -> dict[str, float]:
        """Shares of the pictures of one class at the best θ of the whole set."""
        shares = (counts[:, whole] / pictures * 100).tolist()
        return dict(zip(PROTOCOL_A_CRITERIA, shares))

    def row(self, values: tuple) -> dict[str, Any]:
        """Rank of the class, and box and IoU at each θ."""
        rank, ious, boxes = values
        at_each = (v for iou, box in zip(ious.tolist(), boxes.tolist()) for v in (iou, *box))
        return dict(zip(self._columns, (rank, *at_each)))
