"""Sums over many pictures, on worker processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bas_mm.utils.picture_progress import PictureProgress
from bas_mm.utils.worker_pool import worker_pool

__all__ = ['sum_over_pictures']

# Pictures per task of a worker process.
_TASK = 16


def sum_over_pictures(
    count: Callable[..., np.ndarray | int],
    pictures: Sequence[tuple],
    what: str,
    num_workers: int = 0,
) -> np.ndarray | int:
    """Add up what is counted in each picture.

    Sums of integers: they depend neither on the order nor on the number of processes.

    Args:
        count (Callable): Called with the entries of a picture; gives an integer, or integers of one
            shape. With worker processes it is a function of a module, or a partial of one.
        pictures (Sequence[tuple]): Arguments of each picture.
        what (str): What is done, for the progress.
        num_workers (int): Worker processes, of which there are no more than have work; 0 works
            here, and so does any number where one has all of it. Defaults to 0.

    Raises:
        ValueError: There is no picture, or one cannot be counted.
    """
    if not pictures:
        raise ValueError('there is no picture to evaluate')
    tasks = [pictures[begin : begin + _TASK] for begin in range(0, len(pictures), _TASK)]
    work = partial(_sum, count)
    total = 0
    workers = min(num_workers, len(tasks)) if len(tasks) > 1 else 0
    with PictureProgress(what, len(pictures)) as progress, worker_pool(workers) as pool:
        for task, part in zip(tasks, pool.map(work, tasks)):
            total = total + part
            progress.advance(len(task))
    return total


def _sum(count: Callable[..., np.ndarray | int], pictures: Sequence[tuple]) -> np.ndarray | int:
    return sum(count(*picture) for picture in pictures)
