"""Paths of the command line, looked at before all the work."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from bas_mm.utils.folder_lock import alone_in

from .messages import fail, rank

__all__ = ['hold_folder', 'require_file', 'require_writable']


def hold_folder(folder: str | Path, option: str) -> AbstractContextManager[None]:
    """Have one command at a time write into a folder; one process of a job holds it.

    Args:
        folder (str | Path): The folder; see :func:`~bas_mm.utils.folder_lock.alone_in`.
        option (str): What names it on the command line, for the message.

    Raises:
        FolderInUseError: When the block begins: another command holds it.
    """
    return alone_in(folder, f'name another {option}') if rank() == '0' else nullcontext()


def require_file(path: str, what: str) -> None:
    """Exit with status 2 unless the path is a file.

    Args:
        path (str): A path; names with a scheme, such as ``https://``, are let through.
        what (str): What it should be, for the message.
    """
    if '://' in path or os.path.isfile(path):
        return
    reason = 'is a folder' if os.path.isdir(path) else 'does not exist'
    fail(f'the {what} {path} {reason}')


def require_writable(path: str | Path, what: str, folder: bool = False) -> None:
    """Exit with status 2 where it is plain that a result cannot be written: before all the work.

    Nothing is made: neither the file nor the folders that lead to it.

    Args:
        path (str | Path): The file of the result.
        what (str): What it is, for the message: ``--out``, say.
        folder (bool): Whether it is the folder of the results instead. Defaults to False.
    """
    from bas_mm.utils.result_files import place_of_file

    if not folder and os.path.isdir(path):
        fail(f'{what} {path} is a folder')
    if not folder and os.path.exists(path) and not os.path.isfile(path):
        # Results replace what is there: of a device a file would be left.
        fail(f'{what} {path} is no ordinary file')
    place = os.path.abspath(path if folder else place_of_file(os.path.abspath(path)).parent)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        fail(f'{what} {path}: {place} is no folder')
    if not os.access(place, os.W_OK | os.X_OK):
        fail(f'{what} {path}: the folder {place} cannot be written to')
