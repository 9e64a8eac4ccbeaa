"""Work in threads that keeps its order and does not fill the memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .ordered_calls import OrderedCalls

__all__ = ['BoundedThreads', 'map_in_threads']

Item = TypeVar('Item')
Result = TypeVar('Result')

# Disks of a network answer that many requests at once.
_READERS = 16
# So many items go to a thread together. One alone costs as much to hand over as a file to read.
_TOGETHER = 32


class BoundedThreads(OrderedCalls):
    """Threads that read or write files while their caller goes on. A context manager.

    Leaving the context waits for what is being worked on; after an error what still waits is
    dropped.

    Args:
        count (int): How many threads, at least 1.
        ahead (int, optional): See :class:`OrderedCalls`. Defaults to None: twice as many calls as
            there are threads, which keeps these busy.
    """

    def __init__(self, count: int, ahead: int | None = None) -> None:
        super().__init__(ThreadPoolExecutor(count), 2 * count if ahead is None else ahead)

    def __enter__(self) -> BoundedThreads:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None:
            self.drop()
        self._executor.shutdown()


def map_in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """``list(map(work, items))`` for work that reads small files, which may wait for a network.

    Calls wait at the same time; what they calculate takes as long as without threads, of which
    none is left at the end. It is for data sets; converters, which calculate and are told how many
    processes to use, take :func:`~bas_mm.datasets.split_writer.over_files`.

    Args:
        work: The call, for any thread. What it raises for an item is raised, where it does so for
            several what it does for the first of them, and few further items are begun.
        items: What it is called with.
    """
    if len(items) <= _TOGETHER:
        return list(map(work, items))
    found: list[Result] = []
    with BoundedThreads(_READERS) as threads:
        for start in range(0, len(items), _TOGETHER):
            threads.submit(_map, work, items[start : start + _TOGETHER])
            for results in threads.finished():
                found += results
        for results in threads.finished(everything=True):
            found += results
    return found


def _map(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return list(map(work, items))
