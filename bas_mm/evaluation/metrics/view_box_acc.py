"""BoxAcc of the view, for pipelines that crop."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bas_mm.registry import METRICS

from ..functional import BoxAccFigures
from .max_box_acc_v2 import MaxBoxAccV2

__all__ = ['ViewBoxAcc']


@METRICS.register_module()
class ViewBoxAcc(MaxBoxAccV2):
    """BoxAcc over τ against the boxes that Protocol A takes: those of the view, crop and all.

    Boxes of maps, thresholds and shares are those of :class:`MaxBoxAccV2`. The ground truth is
    ``gt_bboxes``, clamped to the view, so that this also fits a test pipeline that crops. The
    figures are not the published MaxBoxAcc and MaxBoxAccV2, whose view is the whole picture, and
    have names of their own: ``view_box_acc_v2``, ``view_box_acc_v2_30`` and so on.

    Args:
        **kwargs: Arguments of :class:`MaxBoxAccV2` but ``check_view``.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(check_view=False, **kwargs)

    def truth_of(self, sample: Mapping[str, Any]) -> np.ndarray:
        """The picture's true boxes in the view."""
        return self.boxes_of(sample, 'gt_bboxes', ': pack it by PackLocalizationInputs')

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], BoxAccFigures]:
        """The figures of MaxBoxAccV2 under other names."""
        metrics, whole = super().figures(counts, pictures)
        return {name.replace('max_', 'view_'): value for name, value in metrics.items()}, whole

    def class_figures(
        self, counts: np.ndarray, pictures: int, whole: BoxAccFigures
    ) -> dict[str, float]:
        """Those of one class, likewise."""
        figures = super().class_figures(counts, pictures, whole)
        return {name.replace('max_', 'view_'): value for name, value in figures.items()}
