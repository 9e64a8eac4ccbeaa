"""What a config says of its metrics, and of the θ that boxes are cut at."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING

from .config_types import type_name

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'CHOICE_FIGURES',
    'DEFAULT_THRESHOLD',
    'choice_figures',
    'localization_metrics',
    'metrics_of',
    'only_threshold',
    'threshold_of',
]

#: θ of a LocalizationMetric to which a config gives none.
DEFAULT_THRESHOLD = 0.1

#: Figures that a checkpoint can be chosen by, each with the metric that reports it.
CHOICE_FIGURES = {
    'top1_loc': 'LocalizationMetric',
    'top5_loc': 'LocalizationMetric',
    'gt_known': 'LocalizationMetric',
    'max_box_acc_v2': 'MaxBoxAccV2',
    'max_box_acc': 'MaxBoxAcc',
    'pxap': 'PxAP',
    'piou': 'PxAP',
}


def metrics_of(evaluator: dict | Sequence[dict] | None) -> list[dict]:
    """The metrics of an evaluator's config, which may be one, several or none."""
    return [evaluator] if isinstance(evaluator, dict) else list(evaluator or ())


def localization_metrics(evaluator: dict | Sequence[dict] | None) -> list[dict]:
    """Those of the metrics of an evaluator's config that are a LocalizationMetric."""
    return [metric for metric in metrics_of(evaluator) if type_name(metric) == 'LocalizationMetric']


def choice_figures(evaluator: dict | Sequence[dict] | None) -> list[str]:
    """Those of :data:`CHOICE_FIGURES` that an evaluator of this config reports."""
    kinds = set()
    for metric in metrics_of(evaluator):
        kinds.add(type_name(metric))
        if type_name(metric) == 'MaxBoxAccV2' and metric.get('with_max_box_acc'):
            kinds.add('MaxBoxAcc')
    return [figure for figure, kind in CHOICE_FIGURES.items() if kind in kinds]


def only_threshold(evaluator: dict | Sequence[dict] | None) -> float | None:
    """θ of the first LocalizationMetric; None where there is none, or it has several."""
    for metric in localization_metrics(evaluator):
        thresholds = metric.get('thresholds', DEFAULT_THRESHOLD)
        several = isinstance(thresholds, (list, tuple))
        only = thresholds if not several else thresholds[0] if len(thresholds) == 1 else None
        # What is no number the metric itself refuses.
        return float(only) if isinstance(only, Real) else None
    return None


def threshold_of(cfg: Config) -> float | None:
    """θ of the boxes of a config's model: its own, else the only one that its test is about.

    Returns:
        float | None: None where ``model.test_cfg.threshold`` is not set and the test has no
        LocalizationMetric, or one with several θ.
    """
    own = ((cfg.get('model') or {}).get('test_cfg') or {}).get('threshold')
    if own is None:
        return only_threshold(cfg.get('test_evaluator'))
    return own if isinstance(own, Real) else None
