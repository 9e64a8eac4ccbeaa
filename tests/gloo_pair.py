"""Two processes that gloo joins. They are forks of the test, which need not import anything."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist


def run_pair(work: Callable[[int], None], folder: Path, seconds: float = 300) -> None:
    """Call ``work`` with rank 0 in one process and with rank 1 in the other.

    An error of one, and processes that have not ended in time, which are killed, fail the test.

    Args:
        work: What it finds goes into files.
        folder: The processes meet by a file in it.
        seconds: How long they may take.
    """

    def one(rank: int) -> None:
        torch.set_num_threads(1)
        os.environ['LOCAL_RANK'] = str(rank)
        dist.init_process_group('gloo', f'file://{folder}/rendezvous', rank=rank, world_size=2)
        work(rank)
        dist.barrier()
        os._exit(0)  # gloo may abort an interpreter that ends after it, or not let it end

    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=one, args=(rank,)) for rank in (0, 1)]
    for process in processes:
        process.start()
    deadline = time.monotonic() + seconds
    for process in processes:
        process.join(max(deadline - time.monotonic(), 0))
    ends = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    assert ends == [0, 0], 'None: it had not ended in time; 1: its error is above'
