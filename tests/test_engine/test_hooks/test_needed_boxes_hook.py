"""NeededBoxesHook in whole tests and a validation: where boxes are made, and the figures."""

import mmengine
import pytest
from mmengine.evaluator import DumpResults
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.engine.hooks import LocalizationVisualizationHook, NeededBoxesHook
from bas_mm.models.classifiers import localization_classifier


class Reader(Hook):
    """A hook of somebody who may look at boxes."""

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.boxes = [sample.get('pred_bboxes') for sample in outputs]


@pytest.fixture
def boxes(monkeypatch) -> list:
    """The boxes that the classifier makes."""
    made, make = [], localization_classifier.protocol_a_boxes

    def protocol_a_boxes(*args):
        made.append(make(*args))
        return made[-1]

    monkeypatch.setattr(localization_classifier, 'protocol_a_boxes', protocol_a_boxes)
    return made


@pytest.mark.usefixtures('one_thread')
def test_boxes_are_made_where_somebody_looks(tmp_path, boxes):
    root = write_split_folder(tmp_path / 'data', dict(train=4, test=6))
    cfg = tiny_run_cfg(root, tmp_path / 'work', epochs=1, threshold=0.4)
    cfg.experiment_name = 'needed_boxes'
    cfg.visualizer = dict(type='LocalizationVisualizer')
    runner = Runner.from_cfg(cfg)
    metrics, hooks = runner.test_evaluator.metrics, runner.hooks

    def made() -> int:
        boxes.clear()
        assert runner.test() == figures
        assert runner.model.test_cfg.threshold == 0.4
        return len(boxes)

    figures = runner.test()
    assert len(boxes) == 6
    hook, drawing, reader = NeededBoxesHook(), LocalizationVisualizationHook(), Reader()
    hooks.append(hook)
    assert made() == 0
    hooks.append(drawing)
    assert made() == 0
    drawing.enable, drawing.out_dir = True, str(tmp_path / 'drawn')
    assert made() == 6
    hooks.remove(drawing)
    hooks.append(reader)
    assert made() == 6
    assert all(box is not None for box in reader.boxes)
    hooks.remove(reader)
    metrics.append(DumpResults(str(tmp_path / 'all.pkl')))
    assert made() == 6
    assert all('pred_bboxes' in sample for sample in mmengine.load(tmp_path / 'all.pkl'))
    metrics.pop()
    assert made() == 0
    boxes.clear()
    assert runner.val() == figures
    assert not boxes
    assert runner.model.test_cfg.threshold == 0.4

    # An error in the middle of an epoch does not take the threshold away.
    metrics[0].process = lambda *args, **kwargs: 1 / 0
    with pytest.raises(ZeroDivisionError):
        runner.test()
    del metrics[0].process
    assert made() == 0
