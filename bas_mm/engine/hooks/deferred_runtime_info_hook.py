from __future__ import annotations

from collections.abc import Sequence

from mmengine.hooks import RuntimeInfoHook
from mmengine.runner import Runner

from bas_mm.registry import HOOKS

from .deferred_outputs_hook import DeferredOutputsHook, StepOutputs, to_numbers


@HOOKS.register_module()
class DeferredRuntimeInfoHook(DeferredOutputsHook, RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook`` for trainings that are fast or long.

    mmengine's reads each output of each step, and waits for the device each time. Here the message
    hub gets the same values in the same order, when the log is written or a checkpoint saved.

    mmengine also keeps every value of a training, each checkpoint has them all, and appending one
    copies the others: after 90,000 iterations that takes more than a millisecond of each step
    (``tools/analysis_tools/benchmark_hooks.py``). Here the last ``history`` of each scalar are
    kept, more where a window of the runner's log processor is longer, and all where one is 'epoch'
    or 'global'.

    In place of mmengine's by its name: ``default_hooks=dict(runtime_info=dict(type=
    'DeferredRuntimeInfoHook'))``.

    Args:
        history (int): values of each scalar of training that are kept. Default: 10,000.

    Raises:
        ValueError: ``history`` is below 1.
    """

    def __init__(self, history: int = 10_000) -> None:
        if history < 1:
            raise ValueError(f'history must be at least 1, got {history}')
        super().__init__()
        self.history = history

    def before_train(self, runner: Runner) -> None:
        """As mmengine's; also forget what a resumed run has too much of."""
        super().before_train(runner)
        self._limit_histories(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put into the checkpoint what the message hub did not have yet.

        Args:
            checkpoint (dict): changed in place.
        """
        if self._read_all(runner):
            checkpoint['message_hub'] = runner.message_hub.state_dict()

    def read(self, runner: Runner, steps: Sequence[StepOutputs]) -> None:
        """Hand the values to the message hub.

        Args:
            runner (Runner): the runner.
            steps (Sequence[StepOutputs]): in their order.
        """
        names = [f'train/{name}' for step in steps for name in step.values]
        numbers = to_numbers([value for step in steps for value in step.values.values()])
        for name, number in zip(names, numbers):
            runner.message_hub.update_scalar(name, number)
        self._limit_histories(runner)

    def _limit_histories(self, runner: Runner) -> None:
        windows = [cfg.get('window_size') for cfg in runner.log_processor.custom_cfg]
        if 'epoch' in windows or 'global' in windows:
            return
        wanted = (self.history, runner.log_processor.window_size, *filter(None, windows))
        for name, buffer in runner.message_hub.log_scalars.items():
            if name.startswith('train/'):
                buffer.max_length = min(buffer.max_length, max(wanted))
