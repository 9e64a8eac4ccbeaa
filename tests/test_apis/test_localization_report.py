"""What a report draws belongs to what it measured; all else is tested with tools/report.py."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpretrain.structures import DataSample
from tiny import tiny_model
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.apis.localization_report import (
    FinishedRun,
    _thresholds,
    require_comparable_runs,
    run_for_report,
    write_report,
)
from bas_mm.visualization.report import ReportRun


def test_results_in_another_order_than_the_pictures_are_refused(tmp_path):
    pictures = [{'data_samples': DataSample(metainfo={'image_id': name})} for name in 'ab']
    result = ReportRun(
        name='BAS', config='', checkpoint='', classes=['ant'], image_ids=['b', 'a'],
        labels=np.array([0, 0]), ious=np.array([0.5, 0.25]), figures={},
    )  # fmt: skip
    with pytest.raises(ValueError, match='BAS: result 0 is that of b, but picture 0 .* is a'):
        write_report([FinishedRun(result, None, pictures)], tmp_path / 'a.html')
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_may_be_a_path(tmp_path):
    data, checkpoint = write_split_folder(tmp_path / 'data', dict(test=2)), tmp_path / 'a.pth'
    model = tiny_model()
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    cfg = tiny_run_cfg(data, tmp_path / 'work')
    require_comparable_runs([('BAS', cfg, checkpoint)])
    run = run_for_report('BAS', cfg, checkpoint, 'a.py')
    assert run.result.checkpoint == str(checkpoint)
    for loaded, weight in zip(run.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(loaded, weight)


@pytest.mark.parametrize(
    ('metric', 'theta'),
    [
        (dict(type='LocalizationMetric', thresholds=[0.2, 0.3]), [0.2, 0.3]),
        # A test takes the metric's default, whatever θ of the boxes.
        (dict(type='bas_mm.LocalizationMetric'), 0.1),
        (dict(type='MaxBoxAccV2'), 0.4),
    ],
)
def test_threshold_is_that_of_a_test(metric, theta):
    cfg = Config(dict(model=dict(test_cfg=dict(threshold=0.4)), test_evaluator=[metric]))
    assert _thresholds(cfg) == theta
