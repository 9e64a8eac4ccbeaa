from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.runner import Runner

from bas_mm.registry import HOOKS

from .deferred_outputs_hook import DeferredOutputsHook, StepOutputs, to_numbers


@HOOKS.register_module()
class NonFiniteLossHook(DeferredOutputsHook):
    """Stops training when the loss is NaN or infinite, naming the iteration and the terms.

    It looks at the loss of every iteration, but not before the log is written, a checkpoint saved
    or a validation begun, so that no step waits for it. After the loss of any process went wrong
    all of them stop there, and the checkpoint hook saves nothing: the last checkpoint on disk is
    from before. Gradients that are not finite where the loss was show in the next loss.
    """

    # Before the checkpoint hook, which removes an older checkpoint before it saves.
    priority = 'HIGH'

    def __init__(self) -> None:
        super().__init__()
        self._bad: StepOutputs | None = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check what there is, where somebody else saves: one process alone, which asks nobody."""
        super().before_save_checkpoint(runner, checkpoint)
        if self._bad is not None:
            self._stop(runner)

    def read(self, runner: Runner, steps: Sequence[StepOutputs]) -> None:
        """Check the losses.

        Args:
            runner (Runner): the runner.
            steps (Sequence[StepOutputs]): in their order.

        Raises:
            FloatingPointError: a loss is not finite. Of several processes none stops here: the
                others would wait for it in vain, or save.
        """
        steps = [step for step in steps if step.values.get('loss') is not None]
        losses = to_numbers([step.values['loss'] for step in steps])
        bad = [step for step, loss in zip(steps, losses) if not math.isfinite(loss)]
        if bad and self._bad is None:
            self._bad = bad[0]
        if self._bad is not None and get_world_size() == 1:
            self._stop(runner)

    def meet(self, runner: Runner) -> None:
        """Stop where the loss of any process went wrong.

        Args:
            runner (Runner): the runner.

        Raises:
            FloatingPointError: a loss of this process or of another one is not finite.
        """
        iterations = torch.zeros(get_world_size(), dtype=torch.int64)
        if self._bad is not None:
            iterations[get_rank()] = self._bad.iteration + 1
        all_reduce(iterations)
        if self._bad is not None:
            self._stop(runner)
        if iterations.any():
            process = int(iterations.nonzero()[0])
            where = f'{iterations[process]} of process {process}, whose error names the terms'
            self._raise(runner, where)

    def _stop(self, runner: Runner) -> NoReturn:
        step = self._bad
        names = [name for name in step.values if 'loss' in name]
        numbers = to_numbers([step.values[name] for name in names])
        terms = ', '.join(f'{name}={number:.6g}' for name, number in zip(names, numbers))
        self._raise(runner, f'{step.iteration + 1} (epoch {step.epoch + 1}): {terms}')

    @staticmethod
    def _raise(runner: Runner, where: str) -> NoReturn:
        last = runner.message_hub.runtime_info.get('last_ckpt')
        kept = f'The last good checkpoint is {last}.' if last else 'No checkpoint was saved yet.'
        raise FloatingPointError(
            f'The loss is not finite in iteration {where}. {kept} '
            'A lower optim_wrapper.optimizer.lr, or optim_wrapper.clip_grad=dict(max_norm=...), '
            'is the usual cure.'
        )
