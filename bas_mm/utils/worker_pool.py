"""Worker processes that need no torch, and that end when their master does; or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from .worker_processes import begin_worker

__all__ = ['worker_executor', 'worker_pool']


def worker_executor(num_workers: int) -> Executor:
    """Processes for tasks. They start with the first task, and end with this process at the latest.

    Args:
        num_workers (int): How many; 0 works in this process, at once.
    """
    if not num_workers:
        return _Here()
    # Not forked: this process may have threads of torch, and a GPU.
    return ProcessPoolExecutor(num_workers, get_context('spawn'), _begin)


@contextmanager
def worker_pool(num_workers: int) -> Iterator[Executor]:
    """A pool of processes; tasks that still wait when an error leaves the block are dropped.

    Args:
        num_workers (int): How many; 0 works in this process, at once.
    """
    pool = worker_executor(num_workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


class _Here(Executor):
    """Does each task when it is handed over, or, of :meth:`map`, when its result is wanted."""

    map = staticmethod(map)

    def submit(self, work: Callable, /, *arguments: Any, **named: Any) -> Future:
        """A future that is done."""
        future = Future()
        try:
            future.set_result(work(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


def _begin() -> None:
    # The other workers have the other cores. OpenCV, and torch where a task imports it, read these
    # when they first need threads.
    os.environ.setdefault('OPENCV_FOR_THREADS_NUM', '1')
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    begin_worker()
