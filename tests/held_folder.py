"""A folder that another command writes into."""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bas_mm.utils.folder_lock import alone_in


@contextmanager
def held(folder: Path) -> Iterator[multiprocessing.Process]:
    """Have another process hold a folder; killed at the end, as it stands."""
    context = multiprocessing.get_context('fork')
    ready = context.Event()

    def hold() -> None:
        with alone_in(folder):
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
