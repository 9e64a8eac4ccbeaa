"""Work in threads that keeps its order and does not fill the memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .ordered_calls import OrderedCalls

__all__ = ['BoundedThreads']


class BoundedThreads(OrderedCalls):
    """Threads that finish what an accelerator gave, while it goes on. A context manager.

    Leaving the context waits for what is being worked on; after an error what still waits is
    dropped. Twice as many calls wait as there are threads, which keeps these busy.

    Args:
        count (int): How many threads, at least 1.
    """

    def __init__(self, count: int) -> None:
        super().__init__(ThreadPoolExecutor(count), 2 * count)

    def __enter__(self) -> BoundedThreads:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None:
            self.drop()
        self._executor.shutdown()
