"""Calls on an executor that keep their order and do not fill the memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

__all__ = ['OrderedCalls']


class OrderedCalls:
    """Hands calls to threads or processes, and gives the results in the order of the calls.

    Args:
        executor (Executor): Runs the calls. Whoever made it shuts it down.
        ahead (int): How many calls may be unfinished, or behind one that is, before
            :meth:`finished` waits: their arguments and results take memory.
    """

    def __init__(self, executor: Executor, ahead: int) -> None:
        self.ahead = ahead
        self._executor = executor
        self._waiting: deque[Future] = deque()

    def submit(self, work: Callable, *arguments: Any) -> None:
        """Queue a call; take what is :meth:`finished` after each."""
        self._waiting.append(self._executor.submit(work, *arguments))

    def finished(self, everything: bool = False) -> Iterator[Any]:
        """Results that are there, in the order of the calls; raises what a call raised.

        It waits where more than ``ahead`` calls are left. After an error of a call there are no
        further results.

        Args:
            everything (bool): Whether to wait for all calls. Defaults to False.
        """
        while self._waiting and (
            everything or len(self._waiting) > self.ahead or self._waiting[0].done()
        ):
            try:
                # Taken out when it is there: Ctrl-C while waiting loses no result.
                result = self._waiting[0].result()
            except Exception:
                self.drop()
                raise
            self._waiting.popleft()
            yield result

    def drop(self) -> None:
        """Forget all calls; those that have not begun do not begin any more."""
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
