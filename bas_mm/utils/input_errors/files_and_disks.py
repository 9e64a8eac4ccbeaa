"""Files and folders that cannot be written or read, full disks, and folders that are gone."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from ..config_traceback import module_of
from .shared import RUNNER

__all__ = ['deleted_folder', 'unwritable_file']

_OF_FULL_DISKS = errno.ENOSPC, errno.EDQUOT, errno.EFBIG
_OF_DISKS = (
    *_OF_FULL_DISKS,
    *(errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG),
)


def unwritable_file(error: BaseException, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A file or a folder that the error names, or that was being written to a full disk."""
    if not isinstance(error, OSError):
        return None
    path, number = error.filename, error.errno
    if path is None and number in _OF_FULL_DISKS:
        path = _written_file(steps)
    # Without a file's name it may be a device's or a system's.
    if not isinstance(path, (str, Path)) or not str(path):
        return None
    path = str(path)
    if number in _OF_DISKS:
        return f'{path}: {error.strerror}'
    makes = steps[-1].tb_frame.f_code.co_name in ('mkdir', 'makedirs')
    if makes and number == errno.ENOENT:
        return f'{path}: the folder cannot be made: {error.strerror}'
    if number == errno.EISDIR and os.path.isdir(path):
        return f'{path} is a folder, where a file is to be'
    # Of what is there already, only that a folder was to be made of it: that a program makes a
    # folder or a file twice is its own mistake.
    if number == errno.ENOTDIR or (number == errno.EEXIST and makes):
        for place in (path, *map(str, Path(path).parents)):
            if os.path.lexists(place):
                if os.path.isdir(place):
                    return None
                where = '' if place == path else f'{path}: '
                return f'{where}{place} is no folder'
    return None


def deleted_folder(
    error: FileNotFoundError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """Of the folders that a run makes when it begins: who misses one later on, lost it."""
    for frame in (step.tb_frame for step in steps if module_of(step.tb_frame) == RUNNER):
        runner = frame.f_locals.get('self')
        work_dir, log_dir = (getattr(runner, name, None) for name in ('_work_dir', '_log_dir'))
        path = error.filename if isinstance(error.filename, (str, Path)) else ''
        if log_dir is None or not Path(path).is_relative_to(work_dir):
            continue
        drawn = os.path.join(log_dir, 'vis_data')
        made = [work_dir, log_dir, *([drawn] if Path(path).is_relative_to(drawn) else [])]
        gone = [place for place in made if not os.path.isdir(place)]
        if gone:
            return (
                f'the folder {gone[0]} was deleted while the run wrote into it: begin anew, or go '
                'on from a checkpoint that is left'
            )
    return None


def _written_file(steps: list[TracebackType]) -> str | None:
    """The file that was being written: no error of a write has its name, that of open() alone.

    It is that of the innermost function that has any, and known where this has no other one.
    """
    for step in reversed(steps):
        files = {
            value.name
            for value in step.tb_frame.f_locals.values()
            if isinstance(value, io.IOBase)
            and isinstance(getattr(value, 'name', None), str)
            and set('wax+').intersection(str(getattr(value, 'mode', '')))
        }
        if files:
            return files.pop() if len(files) == 1 else None
    return None
