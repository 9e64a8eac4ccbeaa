"""Work in threads that keeps its order and does not fill the memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ['BoundedThreads']


class BoundedThreads:
    """Threads that finish what an accelerator gave, while it goes on. A context manager.

    Leaving the context waits for what is being worked on; after an error what still waits is
    dropped.

    Args:
        count (int): How many threads, at least 1.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool = ThreadPoolExecutor(count)
        self._waiting: deque[Future] = deque()

    def __enter__(self) -> BoundedThreads:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None:
            self._drop()
        self._pool.shutdown()

    def submit(self, work: Callable, *arguments: Any) -> None:
        """Queue a call; take what is :meth:`finished` after each."""
        self._waiting.append(self._pool.submit(work, *arguments))

    def finished(self, everything: bool = False) -> Iterator[Any]:
        """Results that are there, in the order of the calls; raises what a call raised.

        It waits where more calls are not finished than keep the threads busy, for their arguments
        and results take memory. After an error of a call there are no further results.

        Args:
            everything (bool): Whether to wait for all calls. Defaults to False.
        """
        while self._waiting and (
            everything or len(self._waiting) > 2 * self.count or self._waiting[0].done()
        ):
            try:
                # Taken out when it is there: Ctrl-C while waiting loses no result.
                result = self._waiting[0].result()
            except Exception:
                self._drop()
                raise
            self._waiting.popleft()
            yield result

    def _drop(self) -> None:
        for future in self._waiting:
            future.cancel()
        self._waiting.clear()
