"""Worker processes that need no torch, and that end when their master does."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait

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
    # Ctrl-C is sent to all processes; the master answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_master, daemon=True).start()


def _end_with_master() -> None:
    # A worker holds both ends of the queue that it waits at: it would not see that nobody is left.
    wait([parent_process().sentinel])
    os._exit(1)
