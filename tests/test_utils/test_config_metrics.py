"""One rule for the θ of a config's boxes."""

import pytest
from mmengine.config import Config

from bas_mm.evaluation import LocalizationMetric
from bas_mm.utils.config_metrics import (
    localization_metrics,
    metrics_of,
    only_threshold,
    threshold_of,
)

OTHER = dict(type='mmpretrain.SingleLabelMetric', thresholds=0.9)


@pytest.mark.parametrize(
    ('evaluator', 'expected'),
    [
        (None, None),
        ([], None),
        (OTHER, None),
        (dict(type='LocalizationMetric'), 0.1),
        (dict(type='bas_mm.LocalizationMetric', thresholds=0.3), 0.3),
        (dict(type=LocalizationMetric, thresholds=[0.3]), 0.3),
        (dict(type='LocalizationMetric', thresholds=[0.3, 0.4]), None),
        ([OTHER, dict(type='LocalizationMetric', thresholds=0.2)], 0.2),
        # The metric says what is wrong with these.
        (dict(type='LocalizationMetric', thresholds=None), None),
        (dict(type='LocalizationMetric', thresholds=['x']), None),
        (dict(type='LocalizationMetric', thresholds='0.2'), None),
    ],
)
def test_threshold_of_an_evaluator_and_of_a_config(evaluator, expected):
    assert only_threshold(evaluator) == expected
    cfg = Config(dict(model=dict(), test_evaluator=evaluator))
    assert threshold_of(cfg) == expected
    for wrong in ('0.2', [0.2]):
        assert threshold_of(Config(dict(model=dict(test_cfg=dict(threshold=wrong))))) is None
    for own in (0, 0.7):  # the model's comes first
        assert threshold_of(Config(dict(model=dict(test_cfg=dict(threshold=own))))) == own
        cfg.model.test_cfg = dict(threshold=own)
        assert threshold_of(cfg) == own


def test_what_a_config_leaves_out_is_what_the_metric_takes():
    assert LocalizationMetric().thresholds == (only_threshold(dict(type='LocalizationMetric')),)


def test_one_metric_or_several():
    ours = dict(type='LocalizationMetric')
    assert metrics_of(None) == metrics_of([]) == localization_metrics(OTHER) == []
    assert metrics_of(ours) == localization_metrics([OTHER, ours]) == [ours]
    assert metrics_of((ours, OTHER)) == [ours, OTHER]
    # Not copies: what is changed is the config.
    assert localization_metrics([OTHER, ours])[0] is ours
