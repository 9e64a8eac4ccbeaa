"""A folder that another command writes into."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bas_mm.utils.folder_lock import alone_in


@contextmanager
def held(folder: Path, with_worker: bool = False) -> Iterator[multiprocessing.Process]:
    """Have another process hold a folder; killed at the end, as it stands.

    Its worker, if it has one, lives on until the end.
    """
    context = multiprocessing.get_context('fork')
    ready = context.Event()
    worker = context.Value('i', 0)

    def hold() -> None:
        with alone_in(folder):
            if with_worker:
                pid = os.fork()
                if pid == 0:
                    signal.pause()
                worker.value = pid
            ready.set()
            signal.pause()

    process = context.Process(target=hold)
    process.start()
    try:
        assert ready.wait(60)
        yield process
    finally:
        process.kill()
        process.join()
        if worker.value:
            os.kill(worker.value, signal.SIGKILL)
