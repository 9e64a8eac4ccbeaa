"""Work on pictures in other processes while this one goes on."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import cv2

from bas_mm.utils.worker_processes import begin_worker

__all__ = ['OrderedWorkers']

# Pictures that travel together: a hand-over costs this process some 0.1 ms.
_CHUNK = 8


class OrderedWorkers:
    """Runs a function on named pictures, here or in worker processes; results keep their order.

    Args:
        count (int): Worker processes; 0 works in this one, at once. They start with the first
            picture, which takes about a second, and import what the work needs: for that of
            :mod:`bas_mm.evaluation.picture_work` no torch.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[tuple[list[str], Future]] = deque()
        self._done: deque[tuple[str, Any]] = deque()
        self._recent = 0

    def submit(self, work: Callable, jobs: Sequence[tuple[str, tuple]]) -> None:
        """Work on some more pictures.

        Args:
            work (Callable): A function of a module.
            jobs (Sequence[tuple[str, tuple]]): Name and arguments of each picture.

        Raises:
            ValueError: What ``work`` raised, with the picture's name; of a worker process, from
                :meth:`finished`.
        """
        names = [name for name, _ in jobs]
        if not self.count:
            self._done.extend(zip(names, _work(work, jobs)))
            return
        if self._pool is None:
            # Not forked: this process has threads, and perhaps a GPU.
            self._pool = ProcessPoolExecutor(self.count, get_context('spawn'), _begin)
        self._recent = 0
        for start in range(0, len(jobs), _CHUNK):
            some = slice(start, start + _CHUNK)
            self._waiting.append((names[some], self._pool.submit(_work, work, jobs[some])))
            self._recent += 1

    def finished(self, everything: bool = False) -> Iterator[tuple[str, Any]]:
        """Names and results that are there, in the order of the pictures.

        Waits for workers where they are more than the pictures of the last :meth:`submit`
        behind: memory holds no more than that.

        Args:
            everything (bool): Whether to wait for all results.
        """
        limit = 0 if everything else self._recent + self.count
        while self._waiting and (len(self._waiting) > limit or self._waiting[0][1].done()):
            names, future = self._waiting.popleft()
            self._done.extend(zip(names, future.result()))
        while self._done:
            yield self._done.popleft()


def _begin() -> None:
    begin_worker()
    cv2.setNumThreads(1)


def _work(work: Callable, jobs: Sequence[tuple[str, tuple]]) -> list:
    results = []
    for name, arguments in jobs:
        try:
            results.append(work(*arguments))
        except ValueError as error:
            raise ValueError(f'{name}: {error}') from error
    return results
