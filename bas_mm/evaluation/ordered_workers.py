"""Work on pictures in other processes while this one goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bas_mm.utils.ordered_calls import OrderedCalls
from bas_mm.utils.worker_pool import worker_executor

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
        self._calls: OrderedCalls | None = None

    def submit(self, work: Callable, jobs: Sequence[tuple[str, tuple]]) -> None:
        """Work on some more pictures.

        Args:
            work (Callable): A function of a module.
            jobs (Sequence[tuple[str, tuple]]): Name and arguments of each picture.
        """
        if self._calls is None:
            self._calls = OrderedCalls(worker_executor(self.count), 0)
        chunks = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
        # Memory holds these pictures, and what keeps the workers busy until there are more.
        self._calls.ahead = len(chunks) + self.count
        for chunk in chunks:
            self._calls.submit(_work, work, chunk)

    def finished(self, everything: bool = False) -> Iterator[tuple[str, Any]]:
        """Names and results that are there, in the order of the pictures.

        Waits for workers where they are more than the pictures of the last :meth:`submit`
        behind: memory holds no more than that.

        Args:
            everything (bool): Whether to wait for all results. Defaults to False.

        Raises:
            ValueError: What the work raised for a picture, with its name.
        """
        if self._calls is not None:
            for results in self._calls.finished(everything):
                yield from results


def _work(work: Callable, jobs: Sequence[tuple[str, tuple]]) -> list[tuple[str, Any]]:
    results = []
    for name, arguments in jobs:
        try:
            results.append((name, work(*arguments)))
        except ValueError as error:
            raise ValueError(f'{name}: {error}') from error
    return results
