"""MaxBoxAccV2 (Protocol B with all contours) as a metric of mmengine's evaluator."""

from typing import Any

import numpy as np

from bas_mm.registry import METRICS

from ..functional import (
    BOX_ACC_DELTAS,
    PROTOCOL_B_TAUS,
    BoxAccFigures,
    box_acc_figures,
)
from ..picture_work import count_all_boxes
from .max_box_acc import MaxBoxAcc

__all__ = ['MaxBoxAccV2']

_LEVELS = tuple(f'{delta * 100:.0f}' for delta in BOX_ACC_DELTAS)


@METRICS.register_module()
class MaxBoxAccV2(MaxBoxAcc):
    """Mean over IoU levels of the best share of right pictures (spec metrics.md, Protocol B).

    The boxes of all contours count. Reports in percent, under the prefix ``localization/``:
    ``max_box_acc_v2_30``, ``max_box_acc_v2_50``, ``max_box_acc_v2_70``: the share of pictures
    with at least that IoU at the best τ for it; ``max_box_acc_v2``, their mean; and
    ``max_box_acc_v2_threshold_30`` and so on, the τ, the smallest of several.

    Args:
        with_max_box_acc (bool): Whether to report MaxBoxAcc as well, under the names of
            :class:`MaxBoxAcc`; it comes from the same search for contours and costs nothing. Do
            not list MaxBoxAcc as a metric of its own then. Defaults to False.
        **kwargs: As in :class:`MaxBoxAcc`, whose data samples and errors are also the same.
    """

    counter = staticmethod(count_all_boxes)

    def __init__(self, with_max_box_acc: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.with_max_box_acc = bool(with_max_box_acc)
        self.curve_columns = tuple(f'box_acc_v2_{level}' for level in _LEVELS)
        if self.with_max_box_acc:
            self.curve_columns += ('box_acc',)

    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], BoxAccFigures]:
        """MaxBoxAccV2, its parts and their τ."""
        whole = box_acc_figures(counts, pictures)
        taus = PROTOCOL_B_TAUS[whole.best].tolist()
        parts = whole.max_box_acc.tolist()
        metrics = {'max_box_acc_v2': sum(parts[:3]) / 3}
        metrics.update({f'max_box_acc_v2_{k}': v for k, v in zip(_LEVELS, parts)})
        metrics.update({f'max_box_acc_v2_threshold_{k}': v for k, v in zip(_LEVELS, taus)})
        if self.with_max_box_acc:
            metrics.update(max_box_acc=parts[3], max_box_acc_threshold=taus[3])
        return metrics, whole

    def class_figures(
        self, counts: np.ndarray, pictures: int, whole: BoxAccFigures
    ) -> dict[str, float]:
        """Shares of right pictures of one class at the best τ of the whole set."""
        shares = (counts[range(4), whole.best] / pictures * 100).tolist()
        figures = {'max_box_acc_v2': sum(shares[:3]) / 3}
        figures.update({f'max_box_acc_v2_{k}': v for k, v in zip(_LEVELS, shares)})
        if self.with_max_box_acc:
            figures['max_box_acc'] = shares[3]
        return figures
