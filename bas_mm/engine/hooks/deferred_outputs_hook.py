from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.hooks import CheckpointHook, Hook, LoggerHook
from mmengine.runner import Runner

# Where nothing is done with them for long, what they take of the device's memory is bounded.
_MOST_STEPS = 1000


class StepOutputs(NamedTuple):
    """What one training step put out."""

    #: Number of the iteration and of its epoch, from 0.
    iteration: int
    epoch: int
    #: Log variables: tensors of one element, on their device, or numbers.
    values: dict[str, Any]


class DeferredOutputsHook(Hook, ABC):
    """Base of hooks that look at the outputs of training steps, many steps at once.

    Whoever reads a value of a step waits until the device has finished it, and the device then
    waits for its next work. So the outputs stay where they are until something is done with them:
    the log is written or a checkpoint saved, by the intervals of the runner's ``LoggerHook`` and
    ``CheckpointHook``; an epoch or the training ends; a validation begins.
    """

    def __init__(self) -> None:
        self._steps: list[StepOutputs] = []

    @abstractmethod
    def read(self, runner: Runner, steps: Sequence[StepOutputs]) -> None:
        """Look at all steps since the last call, at least one.

        Args:
            runner (Runner): the runner.
            steps (Sequence[StepOutputs]): in their order.
        """

    def meet(self, runner: Runner) -> None:
        """Do what all processes of a job do together, after :meth:`read`.

        They come here in the same iterations: where the log is written or a checkpoint saved by
        its interval, an epoch or the training ends, and a validation begins.

        Args:
            runner (Runner): the runner.
        """

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Remember the log variables of the step; read them where they are needed now."""
        if outputs is not None:
            values = {
                # Without the graph, which would be kept with them.
                name: value.detach() if isinstance(value, torch.Tensor) else value
                for name, value in outputs.items()
            }
            self._steps.append(StepOutputs(runner.iter, runner.epoch, values))
        everywhere = self._needed_everywhere(runner, batch_idx)
        # In these the processes of a job differ: the epoch of one may be shorter.
        alone = len(self._steps) >= _MOST_STEPS or self.end_of_epoch(
            runner.train_dataloader, batch_idx
        )
        if everywhere or alone:
            self._read_all(runner)
        if everywhere:
            self.meet(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Meet the other processes before a checkpoint is saved."""
        self.meet(runner)
        super().after_train_epoch(runner)

    def before_val(self, runner: Runner) -> None:
        """Read what there is: the best checkpoint may be saved after the validation."""
        self._read_all(runner)
        self.meet(runner)
        super().before_val(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Read what there is, where somebody else saves a checkpoint."""
        self._read_all(runner)

    def _read_all(self, runner: Runner) -> bool:
        steps, self._steps = self._steps, []
        if steps:
            self.read(runner, steps)
        return bool(steps)

    def _needed_everywhere(self, runner: Runner, batch_idx: int) -> bool:
        """Whether it is one of the iterations in which each process of a job needs its outputs."""
        loggers = [hook for hook in runner.hooks if isinstance(hook, LoggerHook)]
        savers = [h for h in runner.hooks if isinstance(h, CheckpointHook) and not h.by_epoch]
        return (
            self.is_last_train_iter(runner)
            or any(self.every_n_inner_iters(batch_idx, hook.interval) for hook in loggers)
            or any(self.every_n_train_iters(runner, h.interval, h.save_begin) for h in savers)
        )


def to_numbers(values: Sequence[Any]) -> list[Any]:
    """Tensors of one element as Python numbers, in one transfer for each device and type.

    Args:
        values (Sequence): tensors of one element; what is none is passed on as it is.

    Returns:
        list: what ``item()`` would give of each.
    """
    numbers = list(values)
    groups: dict[tuple, list[int]] = {}
    for index, value in enumerate(values):
        if isinstance(value, torch.Tensor):
            groups.setdefault((value.device, value.dtype), []).append(index)
    for indices in groups.values():
        together = torch.stack([values[index].reshape(()) for index in indices])
        for index, number in zip(indices, together.cpu().tolist()):
            numbers[index] = number
    return numbers
