from __future__ import annotations

import math
from collections.abc import Sequence

from mmengine.runner import Runner

from bas_mm.registry import HOOKS

from .deferred_outputs_hook import DeferredOutputsHook, StepOutputs, to_numbers


@HOOKS.register_module()
class NonFiniteLossHook(DeferredOutputsHook):
    """Stops training when the loss is NaN or infinite, naming the iteration and the terms.

    It looks at the loss of every iteration, but not before the log is written, a checkpoint saved
    or a validation begun, so that no step waits for it. Nothing is saved after the loss went
    wrong: the last checkpoint on disk is the last good one.
    """

    # Before the checkpoint hook, which removes an older checkpoint before it saves.
    priority = 'HIGH'

    def read(self, runner: Runner, steps: Sequence[StepOutputs]) -> None:
        """Check the losses.

        Args:
            runner (Runner): the runner.
            steps (Sequence[StepOutputs]): in their order.

        Raises:
            FloatingPointError: a loss is not finite.
        """
        steps = [step for step in steps if step.values.get('loss') is not None]
        losses = to_numbers([step.values['loss'] for step in steps])
        for step, loss in zip(steps, losses):
            if not math.isfinite(loss):
                self._stop(runner, step)

    def _stop(self, runner: Runner, step: StepOutputs) -> None:
        names = [name for name in step.values if 'loss' in name]
        numbers = to_numbers([step.values[name] for name in names])
        terms = ', '.join(f'{name}={number:.6g}' for name, number in zip(names, numbers))
        last = runner.message_hub.runtime_info.get('last_ckpt')
        kept = f'The last good checkpoint is {last}.' if last else 'No checkpoint was saved yet.'
        raise FloatingPointError(
            f'The loss is not finite in iteration {step.iteration + 1} (epoch {step.epoch + 1}): '
            f'{terms}. {kept} A lower optim_wrapper.optimizer.lr, or '
            'optim_wrapper.clip_grad=dict(max_norm=...), is the usual cure.'
        )
