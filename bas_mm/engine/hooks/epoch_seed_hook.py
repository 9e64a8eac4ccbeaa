import random
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from bas_mm.registry import HOOKS


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seeds every training epoch anew, so that a resumed run equals one that was not interrupted.

    A checkpoint holds weights, optimizer and schedule but no state of random generators, and
    those of worker processes could not be stored at all. Here each epoch's generators (Python,
    NumPy, torch; in the main process and in each worker) follow from the run's seed, the epoch
    and the process: what happened before leaves no trace in them, and no two epochs, processes
    or workers draw the same augmentations. Persistent workers are started anew for each epoch.

    What a device itself computes in no fixed order (``cudnn_benchmark``, atomic additions) is
    out of reach: bit for bit equality on GPUs needs ``randomness.deterministic=True`` too.

    A loop that is counted in iterations is one endless epoch. What is resumed in it sees the same
    pictures in the same order, but augmentations of its own.
    """

    # First of all hooks that run before an epoch: what they draw is seeded too.
    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._worker_init_fn: Callable[[int], None] | None = None

    def before_train(self, runner: Runner) -> None:
        """Hand the seed of a resumed run, which differs when none is configured, to the sampler.

        Args:
            runner (Runner): the runner, after it loaded a checkpoint.
        """
        loader = runner.train_dataloader
        self._worker_init_fn = loader.worker_init_fn
        if getattr(loader.sampler, 'seed', None) is not None and not runner._randomness_cfg.get(
            'diff_rank_seed', False
        ):
            loader.sampler.seed = runner.seed

    def before_train_epoch(self, runner: Runner) -> None:
        """Seed this epoch.

        Args:
            runner (Runner): the runner.
        """
        # In an iteration-based loop there is one endless epoch: the iteration tells a resumed
        # one from the first.
        entropy = (runner.seed, runner.epoch, runner.iter, get_rank())
        _seed_all(entropy)
        loader: DataLoader = runner.train_dataloader
        loader.worker_init_fn = partial(_init_worker, before=self._worker_init_fn, entropy=entropy)
        if loader.num_workers and loader.persistent_workers:
            # The only handle that torch gives on workers that outlive an epoch.
            loader._iterator = None


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
