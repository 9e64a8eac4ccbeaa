"""PxAP and pIoU as a metric of mmengine's evaluator."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bas_mm.registry import METRICS

from ..functional import PixelFigures, pixel_curve, pixel_figures
from ..picture_work import count_pixels
from .base_map_metric import to_array
from .view_map_metric import ViewMapMetric

__all__ = ['PxAP']


@METRICS.register_module()
class PxAP(ViewMapMetric):
    """How well maps tell objects' pixels from the others, over all pixels of the set.

    Reports under the prefix ``localization/``: ``pxap``, the area under the precision-recall
    curve of pixels, and ``piou``, the best pixel IoU over all thresholds, in percent; and
    ``piou_threshold``, where that is (spec metrics.md, pixel metrics).

    Each data sample must hold ``pred_map`` (h, w) and ``gt_mask``, uint8 at the size of the view:
    0, 1 and 255 = ignored; :class:`~bas_mm.datasets.LoadLocMask` gives it. As there, the view is
    the whole picture: do not crop in the test pipeline. All that is kept of the maps is one
    histogram per process, or per class with ``per_class``.

    Args:
        **kwargs: Arguments of :class:`ViewMapMetric`: ``normalize``, ``num_workers``,
            ``view_size``, ``per_class``, ``result_file``, ``curve`` (precision, recall and IoU in
            percent at each threshold) and others.

    Raises:
        ValueError: On a map with NaN or infinity or not of the shape (h, w), or, without
            ``normalize``, not of the view's size or in [0, 1]; a picture without a mask or with
            one of another size, or two pictures of one id; the message names the picture. Also
            where no mask of the set has an object pixel. A constant map is no error: all of its
            pixels have the value 0, and it is counted in one warning.
    """

    constant_outcome = 'all of their pixels get the same value'
    counter = staticmethod(count_pixels)
    columns = ('object_pixels', 'other_pixels', 'best_iou')

    def truth_of(self, sample: Mapping[str, Any]) -> np.ndarray:
        """The picture's mask at the view."""
        mask = self.get(sample, 'gt_mask', ': put LoadLocMask into the test pipeline')
        return to_array(mask)

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], np.ndarray]:
        """PxAP, pIoU and its threshold."""
        return pixel_figures(counts)._asdict(), counts

    def class_figures(
        self, counts: np.ndarray, pictures: int, whole: np.ndarray
    ) -> dict[str, float | None]:
        """Figures of the pixels of one class; None where none belongs to an object."""
        if not counts[0].any():
            return dict.fromkeys(PixelFigures._fields)
        return pixel_figures(counts)._asdict()

    def curve_rows(self, whole: np.ndarray) -> list[dict]:
        """Precision, recall and IoU over the threshold, in percent; greatest threshold first."""
        curve = pixel_curve(whole)
        columns = [curve.thresholds, *(v * 100 for v in (curve.precision, curve.recall, curve.iou))]
        names = ('threshold', 'precision', 'recall', 'iou')
        return [dict(zip(names, row)) for row in zip(*(column.tolist() for column in columns))]
