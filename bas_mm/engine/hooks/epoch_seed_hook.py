import logging
import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch.utils.data import BatchSampler, DataLoader, get_worker_info

from bas_mm.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every training epoch anew, so that a resumed run equals one that was not interrupted.

    A checkpoint holds weights, optimizer and schedule but no state of random generators, and
    those of worker processes could not be stored at all. Here each epoch's generators (Python,
    NumPy, torch; in the main process and in each worker) follow from the run's seed, the epoch
    and the process: what happened before leaves no trace in them, and no two epochs, processes
    or workers draw the same augmentations. Persistent workers are started anew for each epoch.

    A loop that is counted in iterations is one endless epoch, in which a run may be resumed
    anywhere. There the generators follow from the seed, the process and the batch: those of the
    process that loads a batch are seeded before it, and those of the main process before the step
    with it. Its augmentations do not depend on the number of workers either.

    A loader that is not torch's, such as the list that tools hand over to draw a schedule, is left
    as it is, with a warning.

    What a device itself computes in no fixed order (``cudnn_benchmark``, atomic additions) is
    out of reach: bit for bit equality on GPUs needs ``randomness.deterministic=True`` too.
    """

    # First of all hooks that run before an epoch: what they draw is seeded too.
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._worker_init_fn: Callable[[int], None] | None = None
        self._batches: _SeededBatches | None = None

    def before_train(self, runner: Runner) -> None:
        """Hand the seed of a resumed run, which differs when none is configured, to the sampler.

        A loop over epochs begins the epoch of a checkpoint anew, also where the checkpoint was
        written within it: iterations are counted from there then, so that seeds, intervals and the
        end of the training are where they would have been.

        Args:
            runner (Runner): the runner, after it loaded a checkpoint.
        """
        loader = runner.train_dataloader
        if not isinstance(loader, DataLoader):
            print_log(
                f'The training data come from a {type(loader).__name__}, which is no DataLoader '
                'of torch: EpochSeedHook does not seed its epochs.',
                logger='current',
                level=logging.WARNING,
            )
            return
        self._worker_init_fn = loader.worker_init_fn
        sampler = _sampler(loader)
        if getattr(sampler, 'seed', None) is not None and not runner._randomness_cfg.get(
            'diff_rank_seed', False
        ):
            sampler.seed = runner.seed
        loop = getattr(runner, 'train_loop', None)
        length = _pass_length(loader)
        if isinstance(loop, EpochBasedTrainLoop) and length != sys.maxsize:
            begin = runner.epoch * length
            if runner.iter != begin:
                print_log(
                    f'The checkpoint is of iteration {runner.iter}, and with these data and '
                    f'batches epoch {runner.epoch + 1} begins after iteration {begin}. The epoch '
                    'is trained from its beginning, and iterations are counted from there; '
                    'schedules that are counted in iterations stay where they were. Runs go on '
                    'exactly from checkpoints of whole epochs '
                    '(default_hooks.checkpoint.by_epoch=True), with the same batch and number of '
                    'processes.',
                    logger='current',
                    level=logging.WARNING,
                )
                loop._iter = begin
                # Which began to count at the checkpoint: it would end its steps elsewhere.
                runner.optim_wrapper.initialize_count_status(runner.model, begin, loop.max_iters)

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed this epoch, or the first batch of a loop that is counted in iterations."""
        loader = runner.train_dataloader
        if not isinstance(loader, DataLoader):
            return
        if isinstance(getattr(runner, 'train_loop', None), IterBasedTrainLoop):
            first, length = runner.iter, sys.maxsize
            fast = runner.train_loop.fast_forward_on_resume
            loads_all = loader.num_workers and not fast and not _can_skip(loader)
            if loads_all or loader.persistent_workers:
                length = _pass_length(loader)
            if loads_all:
                # The loop has the workers load what was trained on: from the start those that
                # outlive a pass, others from where this pass begins.
                first -= first if loader.persistent_workers else first % length
            entropy = (runner.seed, get_rank())
            self._batches = _SeededBatches(loader.collate_fn, entropy, first, length)
            loader.collate_fn = self._batches
            loader.worker_init_fn = partial(
                _init_worker_of_batches, before=self._worker_init_fn, batches=self._batches
            )
            # Else what torch draws for a new iterator would be missing in a resumed run.
            loader.generator = loader.generator or torch.Generator().manual_seed(runner.seed)
            self._batches.seed(runner.iter)
            return
        # The iteration is there for loops of other kinds, whose epochs may be endless.
        entropy = (runner.seed, runner.epoch, runner.iter, get_rank())
        _seed_all(entropy)
        loader.worker_init_fn = partial(_init_worker, before=self._worker_init_fn, entropy=entropy)
        if loader.num_workers and loader.persistent_workers:
            # The only handle that torch gives on workers that outlive an epoch.
            loader._iterator = None

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Seed a step of a loop that is counted in iterations: what the model draws."""
        if self._batches is not None:
            self._batches.seed(runner.iter, step=True)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Seed the next batch where no other process loads it."""
        if self._batches is None:
            return
        if runner.train_dataloader.num_workers:
            # For workers that are started when the data are through.
            self._batches.first = runner.iter + 1
        else:
            self._batches.seed(runner.iter + 1)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Seed the next batch anew after what a validation has drawn."""
        if self._batches is not None and not runner.train_dataloader.num_workers:
            self._batches.seed(runner.iter)


class _SeededBatches:
    """A loader's collate function that, after a batch, seeds the process for its next one.

    Args:
        collate (Callable): the loader's own.
        entropy (tuple[int, ...]): what the generators follow from beside the batch.
        first (int): number of the first batch.
        length (int): batches of a pass over the data, after which the first worker has a turn.
    """

    def __init__(
        self,
        collate: Callable[[Sequence[Any]], Any],
        entropy: tuple[int, ...],
        first: int,
        length: int,
    ) -> None:
        self.collate, self.entropy, self.first, self.length = collate, entropy, first, length
        self.done = 0

    def __call__(self, samples: Sequence[Any]) -> Any:
        batch = self.collate(samples)
        self.done += 1
        self.seed_next()
        return batch

    def seed_next(self) -> None:
        """Seed this process for its next batch: workers take turns."""
        worker = get_worker_info()
        if worker is None:
            # The hook seeds each batch in turn; before that a loop may load what it skips.
            self.seed(self.first)
            return
        turns = range(worker.id, self.length, worker.num_workers)
        if turns:  # else there are more workers than batches
            passes, turn = divmod(self.done, len(turns))
            self.seed(self.first + passes * self.length + turns[turn])

    def seed(self, batch: int, step: bool = False) -> None:
        """Seed this process for a batch, or for the step with it."""
        _seed_all((*self.entropy, batch, int(step)))


def _sampler(loader: DataLoader) -> Any:
    """What gives a loader's indices, where a batch sampler of its own puts them together, too."""
    return getattr(loader.batch_sampler, 'sampler', loader.sampler)


def _can_skip(loader: DataLoader) -> bool:
    """Whether mmengine's loop comes to where it is resumed without loading what was before.

    It has the sampler ``skip`` then, and relies on torch's own batches of it.
    """
    return type(loader.batch_sampler) is BatchSampler and hasattr(_sampler(loader), 'skip')


def _pass_length(loader: DataLoader) -> int:
    """Batches until the data are through: never with samplers that can ``skip`` (mmengine)."""
    return sys.maxsize if hasattr(_sampler(loader), 'skip') else len(loader)


def _init_worker_of_batches(
    worker_id: int, before: Callable[[int], None] | None, batches: _SeededBatches
) -> None:
    """In a worker process: what the loader wanted done first, then its first batch's seeds."""
    if before is not None:
        before(worker_id)
    batches.seed_next()


def _init_worker(
    worker_id: int, before: Callable[[int], None] | None, entropy: tuple[int, ...]
) -> None:
    """In a worker process: what the loader wanted done first, then this epoch's seeds."""
    if before is not None:
        before(worker_id)
    _seed_all((*entropy, worker_id + 1))


def _seed_all(entropy: tuple[int, ...]) -> None:
    """Seed Python, NumPy and torch from some non-negative integers."""
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the transforms of OpenMMLab draw from it
    torch.manual_seed(seed)
