"""Folders that are generated once, whoever asks for them first."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import os.path as osp
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence

from mmengine.logging import print_log

from bas_mm.utils.result_files import whole_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ['check_parameters', 'digest_of', 'generated_folder', 'write_parameters']

_PARAMETERS = 'parameters.json'


def check_parameters(splits: Sequence[str], num_images: Sequence[int], seed: int) -> None:
    """Raise a ValueError where a split has no picture, or the seed is none of numpy's."""
    for split, number in zip(splits, num_images):
        if number < 1:
            raise ValueError(f'num_{split} must be at least 1, got {number}')
    if seed < 0:
        raise ValueError(f'seed must not be negative, got {seed}')


def digest_of(description: Mapping) -> str:
    """Twelve letters that stand for all parameters of a folder, which JSON must take."""
    text = json.dumps(description, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def write_parameters(root: str, description: Mapping) -> None:
    """Write what a folder was generated from into it, as ``parameters.json``."""
    with open(osp.join(root, _PARAMETERS), 'w', encoding='utf-8') as file:
        json.dump(description, file, indent=2)


@contextlib.contextmanager
def _exclusive(path: str) -> Iterator[bool]:
    """Hold a lock between processes; False where the system has none.

    The system frees it when its holder dies, so that no stale lock can stay.
    """
    with open(path, 'w') as file:
        if fcntl is None:
            yield False
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:  # a file system without locks
            yield False
            return
        yield True


def generated_folder(cache_dir: str, name: str, pictures: int, write: Callable[[str], None]) -> str:
    """A generated folder; it is written first if it is not there.

    Any number of processes may ask at once, the ranks of a distributed run among them: one
    writes and the others wait for it. The folder gets its name only when it is complete, so that
    a writer that was killed leaves nothing that could be taken for a set; what it did leave is
    cleared away by the next one.

    Args:
        cache_dir: Where generated folders are kept.
        name: The folder's name; it stands for everything that decides what the folder holds.
        pictures: How many are painted; the log says so, as it takes a while.
        write: Writes everything into the empty folder that it gets.

    Returns:
        ``cache_dir/name``.
    """
    root = osp.join(cache_dir, name)
    if osp.isdir(root):
        return root
    print_log(f'Painting {pictures} pictures into {cache_dir}, once', logger='current')
    os.makedirs(cache_dir, exist_ok=True)
    unfinished = f'.{name}.unfinished-'
    with _exclusive(osp.join(cache_dir, f'.{name}.lock')) as alone:
        if osp.isdir(root):
            return root
        if alone:
            # Nobody else can be writing now: these were left behind.
            for entry in os.listdir(cache_dir):
                if entry.startswith(unfinished):
                    shutil.rmtree(osp.join(cache_dir, entry), ignore_errors=True)
        try:
            with whole_folder(root, unfinished) as temporary:
                write(temporary)
        except OSError:
            # Without locks, another process may have been faster: its set is the same.
            if not osp.isdir(root):
                raise
    return root
