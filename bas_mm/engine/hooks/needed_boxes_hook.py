from collections.abc import Sequence
from dataclasses import replace

from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner

from bas_mm.engine.inner_model import inner_model
from bas_mm.evaluation.metrics.base_map_metric import BaseMapMetric
from bas_mm.models.classifiers import LocalizationClassifier
from bas_mm.registry import HOOKS

from .localization_visualization_hook import LocalizationVisualizationHook


@HOOKS.register_module()
class NeededBoxesHook(Hook):
    """Leaves the boxes of ``model.test_cfg.threshold`` out where nobody looks at them.

    A classifier adds a box to each prediction on the host, while the accelerator waits.
    :class:`~bas_mm.evaluation.LocalizationMetric` makes its own from the map, in another process if
    ``num_workers`` says so. So during a validation or test the classifier adds none, unless a hook
    draws, a metric is not one of bas_mm's or mmpretrain's (as the one of ``tools/test.py --out``),
    or another hook looks at predictions. Figures do not depend on it.
    """

    def __init__(self) -> None:
        self._settings = None

    def before_val_epoch(self, runner: Runner) -> None:
        """Leave the boxes out, if nobody looks at them."""
        self._begin(runner, runner.val_loop.evaluator.metrics, 'after_val_iter')

    def before_test_epoch(self, runner: Runner) -> None:
        """Leave the boxes out, if nobody looks at them."""
        self._begin(runner, runner.test_loop.evaluator.metrics, 'after_test_iter')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Give the classifier its own settings back."""
        self._end(runner)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Give the classifier its own settings back."""
        self._end(runner)

    def _begin(self, runner: Runner, metrics: Sequence[BaseMetric], stage: str) -> None:
        self._end(runner)  # of an epoch that an error has ended
        model = inner_model(runner)
        if not isinstance(model, LocalizationClassifier) or not all(map(_needs_no_box, metrics)):
            return
        if not any(_looks(hook, stage) for hook in runner.hooks):
            self._settings = model.test_cfg
            model.test_cfg = replace(model.test_cfg, threshold=None)

    def _end(self, runner: Runner) -> None:
        if self._settings is not None:
            inner_model(runner).test_cfg, self._settings = self._settings, None


def _needs_no_box(metric: BaseMetric) -> bool:
    return isinstance(metric, BaseMapMetric) or type(metric).__module__.startswith('mmpretrain.')


def _looks(hook: Hook, stage: str) -> bool:
    """Whether a hook may look at the boxes of predictions."""
    if isinstance(hook, LocalizationVisualizationHook):
        return hook.enable
    return not type(hook).__module__.startswith('mmengine.') and (
        stage in hook.get_triggered_stages()
    )
