from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn

import torch
from mmengine.dist import all_reduce, get_rank, get_world_size
from mmengine.runner import Runner

from bas_mm.engine.inner_model import inner_model
from bas_mm.engine.optimizers.accumulated_gradients import is_scaled, open_gradients
from bas_mm.registry import HOOKS

from .deferred_outputs_hook import DeferredOutputsHook, StepOutputs, to_numbers

# Names of the buffers of norms that training moves.
_STATISTICS = ('running_mean', 'running_var')


@HOOKS.register_module()
class NonFiniteLossHook(DeferredOutputsHook):
    """Stops training when the loss is NaN or infinite, naming the iteration and the terms.

    It looks at the loss of every iteration, but not before the log is written, a checkpoint saved
    or a validation begun, so that no step waits for it. With the losses it looks at the trained
    parameters, the running statistics of norms and the accumulated gradients: a step with gradients
    that are not finite would show in the next loss only. After the loss or a weight of any process
    went wrong all of them stop there, and the checkpoint hook saves nothing: the last checkpoint on
    disk is from before.
    """

    # Before the checkpoint hook, which removes an older checkpoint before it saves.
    priority = 'HIGH'

    def __init__(self) -> None:
        super().__init__()
        self._bad: StepOutputs | None = None
        #: What is not finite after the bad step, where its loss was.
        self._weight: str | None = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check what there is, where somebody else saves: one process alone, which asks nobody."""
        super().before_save_checkpoint(runner, checkpoint)
        if self._bad is not None:
            self._stop(runner)

    def read(self, runner: Runner, steps: Sequence[StepOutputs]) -> None:
        """Check the losses, and the weights after the last step.

        Args:
            runner (Runner): the runner.
            steps (Sequence[StepOutputs]): in their order.

        Raises:
            FloatingPointError: one of them is not finite. Of several processes none stops here: the
                others would wait for it in vain, or save.
        """
        last = steps[-1]
        steps = [step for step in steps if step.values.get('loss') is not None]
        largest = _largest(runner)
        # Together, as each transfer waits for the device.
        numbers = to_numbers([*(step.values['loss'] for step in steps), *largest.values()])
        finite = [math.isfinite(number) for number in numbers]
        if self._bad is None and not all(finite):
            first = finite.index(False)
            self._bad = steps[first] if first < len(steps) else last
            self._weight = None if first < len(steps) else list(largest)[first - len(steps)]
        if self._bad is not None and get_world_size() == 1:
            self._stop(runner)

    def meet(self, runner: Runner) -> None:
        """Stop where the loss or a weight of any process went wrong.

        Args:
            runner (Runner): the runner.

        Raises:
            FloatingPointError: a loss or a weight of this process or another one is not finite.
        """
        iterations = torch.zeros(get_world_size(), dtype=torch.int64)
        if self._bad is not None:
            iterations[get_rank()] = self._bad.iteration + 1
        all_reduce(iterations)
        if self._bad is not None:
            self._stop(runner)
        if iterations.any():
            process = int(iterations.nonzero()[0])
            self._raise(
                runner,
                f'The loss or a weight is not finite in iteration {iterations[process]} of process '
                f'{process}, whose error names the terms',
            )

    def _stop(self, runner: Runner) -> NoReturn:
        step = self._bad
        names = [name for name in step.values if 'loss' in name]
        numbers = to_numbers([step.values[name] for name in names])
        terms = ', '.join(f'{name}={number:.6g}' for name, number in zip(names, numbers))
        where = f'iteration {step.iteration + 1} (epoch {step.epoch + 1})'
        if self._weight:
            what = f'{self._weight} is not finite after {where}, whose loss was finite: {terms}'
            self._raise(runner, what)
        self._raise(runner, f'The loss is not finite in {where}: {terms}')

    @staticmethod
    def _raise(runner: Runner, what: str) -> NoReturn:
        last = runner.message_hub.runtime_info.get('last_ckpt')
        kept = f'The last good checkpoint is {last}.' if last else 'No checkpoint was saved yet.'
        raise FloatingPointError(
            f'{what}. {kept} '
            'A lower optim_wrapper.optimizer.lr, or optim_wrapper.clip_grad=dict(max_norm=...), '
            'is the usual cure.'
        )


def _largest(runner: Runner) -> dict[str, torch.Tensor]:
    """The largest magnitude in each of what training changes, by its name.

    What is not finite is so as well. They are on the device: nothing is waited for. Other buffers
    and frozen parameters may be infinite by design, as masks of attention are, or of types that
    have no norm.
    """
    model, wrapper = inner_model(runner), runner.optim_wrapper
    tensors = {name: each for name, each in model.named_parameters() if each.requires_grad}
    tensors |= {name: each for name, each in model.named_buffers() if name.endswith(_STATISTICS)}
    if not is_scaled(wrapper):  # else such gradients are no mistake: their step is left out
        gradients = open_gradients(model, wrapper)
        tensors |= {f'The gradient of {name}': each for name, each in gradients.items()}
    return {
        name: torch.linalg.vector_norm(each.detach(), math.inf)
        for name, each in tensors.items()
        if each.is_floating_point() and each.numel()
    }
