"""Worker processes that need no torch, and that end when their master does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from bas_mm.utils.worker_processes import begin_worker

__all__ = ['worker_pool']


@contextmanager
def worker_pool(num_workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes; tasks that still wait when an error leaves the block are dropped.

    Args:
        num_workers (int): How many, at least 1.
    """
    # Not forked: this process may have threads of torch.
    pool = ProcessPoolExecutor(num_workers, get_context('spawn'), _begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    # If a task imports torch nevertheless: the other workers have the other cores.
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    begin_worker()
