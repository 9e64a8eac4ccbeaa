"""How many worker processes there can be, how they begin and end; no torch is needed for it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import wait

__all__ = ['begin_worker', 'die_with_parent', 'usable_cores']

_PR_SET_PDEATHSIG = 1


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1


def begin_worker() -> None:
    """The first call of a worker process: it leaves Ctrl-C to its master and ends when that does.

    Without it a worker outlives a master that was killed: it holds both ends of the queue that it
    waits at, and would not see that nobody is left.
    """
    # Ctrl-C is sent to all processes; the master answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_master, daemon=True).start()


def die_with_parent() -> None:
    """Have Linux end this process, by SIGTERM, when the one that has started it ends.

    One that has ended before this call is not seen.
    """
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_with_master() -> None:
    wait([parent_process().sentinel])
    os._exit(1)
