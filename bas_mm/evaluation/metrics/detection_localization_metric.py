"""Protocol A for detectors, comparable with the figures of localization maps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bas_mm.registry import METRICS

from ..functional import (
    PROTOCOL_A_CRITERIA,
    class_ranks,
    detected_box,
    protocol_a_figures,
)
from ..picture_work import measure_detection
from ..score_files import read_scores
from .base_map_metric import BaseMapMetric, to_array

__all__ = ['FIGURES_OF_CLASSES', 'DetectionLocalizationMetric']

#: Figures and columns that need scores of classes.
FIGURES_OF_CLASSES = ('top1_loc', 'top5_loc', 'top1_cls', 'top5_cls', 'rank')


@METRICS.register_module()
class DetectionLocalizationMetric(BaseMapMetric):
    """Top-1 Loc, Top-5 Loc, GT-Known and IoU shares of a detector's best boxes.

    The figures are those of :class:`LocalizationMetric`, by the same rules, so that a detector
    stands beside the model of localization maps that its training boxes came from:

    * One box per picture counts under all criteria: the one with the highest score. Without any
      detection the IoU is 0 and the class is wrong; such pictures are counted in one warning,
      and the result file marks them (``undetected``).
    * The box is brought from the original picture into the view of that model and rounded to whole
      pixels, in which Protocol A predicts: boxes of localization maps that were written by
      :class:`CocoBoxWriter` get the very figures of their maps. Clamped to the view, it is
      compared with Protocol A's ground truth there.
    * Classes are ranked by their best detection; one that was not detected is never right. Or by
      the scores in a file, such as the classifier's.

    Each data sample must hold ``pred_instances`` with ``bboxes`` (n, 4), x0, y0, x1, y1 in pixels
    of the original picture, ``scores`` (n,) and ``labels`` (n,), as mmdetection's models give
    them; and ``localization``, of :class:`KeepLocalizationTruth`, among the pipeline's
    ``meta_keys``.

    Args:
        class_agnostic (bool): Whether the detector's labels say nothing of classes. Without
            ``class_scores`` only GT-Known and the IoU shares are reported then. Defaults to False.
        class_scores (str, optional): File of lines ``id,score0,score1,…`` by which classes are
            ranked in the detector's place. Defaults to None.
        **kwargs (Any): Further arguments of :class:`BaseMapMetric`.

    Raises:
        ValueError: On boxes or scores that are not finite, a label that is none of the data set's
            classes, a picture without a true box, with a bad one (not finite, x1 < x0 or y1 < y0)
            or without a line in ``class_scores``; the message names the picture.
    """

    batch_fields = ()
    work = staticmethod(measure_detection)
    constant_what = 'pictures have no detection'
    constant_outcome = 'they count as wrong'
    constant_column = 'undetected'

    def __init__(
        self, class_agnostic: bool = False, class_scores: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.class_agnostic = bool(class_agnostic)
        self.class_scores = class_scores
        self._scores = None if class_scores is None else read_scores(class_scores)
        if self.class_agnostic and self._scores is None:
            self.left_out = FIGURES_OF_CLASSES

    def prepare(self, sample: Mapping[str, Any], name: str) -> tuple:
        """Arguments of the work on one picture."""
        found = self.get(sample, 'pred_instances')
        boxes, scores, labels = (to_array(found[key]) for key in ('bboxes', 'scores', 'labels'))
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ValueError('a detection is not finite')
        truth = self.get(
            sample,
            'localization',
            ": the test pipeline needs KeepLocalizationTruth, and 'localization' among meta_keys",
        )
        label = self.label_of(truth)
        box = detected_box(boxes, scores, truth['view_box'], self.view_of(truth))
        rank = self._rank(name, label, scores, labels)
        return box, self.boxes_of(truth, 'gt_bboxes'), label, rank

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], None]:
        """Figures of all pictures."""
        return protocol_a_figures(dict(zip(PROTOCOL_A_CRITERIA, counts)), pictures), None

    def class_figures(self, counts: np.ndarray, pictures: int, whole: None) -> dict[str, float]:
        """Figures of the pictures of one class."""
        return self.figures(counts, pictures)[0]

    def row(self, values: tuple) -> dict[str, Any]:
        """Rank of the class, IoU, and the box in the view; empty where there is none."""
        rank, iou, boxes = values
        box = boxes[0].tolist() if len(boxes) else [None] * 4
        return {'rank': rank, 'iou': iou, **dict(zip(('x0', 'y0', 'x1', 'y1'), box))}

    def _rank(self, name: str, label: int, scores: np.ndarray, labels: np.ndarray) -> int | None:
        """Rank of the true class; None where it was not found at all."""
        if self._scores is not None:
            own = self._scores.get(name)
            if own is None:
                raise ValueError(f'{self.class_scores} has no line for it')
            return int(class_ranks(own[None], [label])[0])
        if self.class_agnostic:
            return None
        count = len((self.dataset_meta or {}).get('classes') or ())
        if not count:
            raise ValueError('the data set does not name its classes')
        outside = labels[(labels < 0) | (labels >= count)]
        if len(outside):
            raise ValueError(
                f'a detection has the label {outside[0]}, but the data set has {count} classes'
            )
        best = np.full(count, -np.inf)
        np.maximum.at(best, labels, scores)
        if best[label] == -np.inf:
            return None
        return int(class_ranks(best[None], [label])[0])
