"""Metrics of maps at the view, scaled as in Protocol B."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from ..picture_work import measure_view
from .base_map_metric import BaseMapMetric

__all__ = ['ViewMapMetric']


class ViewMapMetric(BaseMapMetric):
    """A metric of maps at the view. Not registered.

    Maps are resized and normalised as in Protocol B (:func:`protocol_b_map`), in the worker
    processes where there are any: a map travels there as small as the network gave it.

    Args:
        normalize (bool): Whether maps are resized to the view and min-max normalised. If False,
            they must be there already: of the size of the view and in [0, 1]. Defaults to True.
        check_view (bool): Whether a picture whose view is a crop or mirrored (``whole_view`` is
            False) is an error: the ground truth is that of the whole picture. Defaults to True.
        curve (bool): Whether the result file holds the figures over all thresholds. Defaults to
            False.
        **kwargs: Arguments of :class:`BaseMapMetric`.
    """

    work = staticmethod(measure_view)

    #: ``counter(view, truth)``, a function of a module: counts of one picture, and its values.
    counter: ClassVar[Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, tuple]]]

    #: Columns of the values in the result file.
    columns: ClassVar[tuple[str, ...]]

    def __init__(
        self, normalize: bool = True, check_view: bool = True, curve: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.normalize = bool(normalize)
        self.check_view = bool(check_view)
        if curve and self.result_file is None:
            raise ValueError('curve=True writes to result_file: name one')
        self.curve = bool(curve)

    @abstractmethod
    def truth_of(self, sample: Mapping[str, Any]) -> np.ndarray:
        """Ground truth of one picture, as :attr:`counter` takes it."""

    @abstractmethod
    def curve_rows(self, whole: Any) -> list[dict]:
        """One row per threshold; ``whole`` is the second value of :meth:`figures`."""

    def prepare(self, sample: Mapping[str, Any], name: str, pred_map: np.ndarray) -> tuple:
        """Arguments of the work on one picture."""
        if self.check_view and sample.get('whole_view') is False:
            raise ValueError(
                'the view is a crop or mirrored, but the ground truth is that of the whole '
                'picture: resize to the view without LocCenterCrop or LocTenCrop in the test '
                'pipeline, or set check_view=False'
            )
        label = -1
        if self.per_class or sample.get('gt_label') is not None:
            label = self.label_of(sample)
        return (
            type(self).counter,
            label,
            pred_map,
            self.truth_of(sample),
            self.view_of(sample),
            self.normalize,
        )

    def row(self, values: tuple) -> dict[str, Any]:
        """Columns of one picture in the result file."""
        return dict(zip(self.columns, values))

    def tables(self, whole: Any) -> dict[str, list[dict]]:
        """The figures over all thresholds, on request."""
        return {'curve': self.curve_rows(whole)} if self.curve else {}
