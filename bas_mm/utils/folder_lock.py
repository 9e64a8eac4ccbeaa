"""One command at a time writes into a folder."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ['FolderInUseError', 'alone_in']

# Beside the folder: who deletes it and begins anew is not alone with what still writes.
_LOCK = '.{}.bas_mm.lock'


class FolderInUseError(ValueError):
    """Another command is writing into a folder."""


@contextmanager
def alone_in(folder: str | Path, advice: str = 'choose another folder') -> Iterator[None]:
    """Hold a folder against other commands, on this machine and where file systems have locks.

    The file ``.NAME.bas_mm.lock`` beside it says who holds it, and goes with the hold. The system
    frees it when the process ends, whatever ends it; forked workers do not hold it. Where there
    are no locks, as on some shared disks, or the file cannot be written, nobody is refused.

    Args:
        folder (str | Path): The folder; it need not exist, and is not made.
        advice (str): What else there is to do but wait, for the message.

    Raises:
        FolderInUseError: Another process holds it.
    """
    place = Path(os.path.realpath(folder))
    if not place.name:  # the root of a disk: no place is beside it
        yield
        return
    path = place.with_name(_LOCK.format(place.name))
    new = [parent for parent in path.parents if not parent.exists()]

    def refusal(who: str) -> str:
        what = f'{folder} is being written by another command{who}'
        return f'{what}: wait for its end, or {advice}'

    handle = _hold(path, new, refusal)
    if handle is None:
        yield
        return
    try:
        with suppress(OSError):  # the disk is full
            os.ftruncate(handle, 0)
            os.write(handle, f'{os.getpid()} {socket.gethostname()}\n'.encode())
        yield
    finally:
        _delete(path, handle, new)
        os.close(handle)


def _hold(path: Path, new: list[Path], refusal: Callable[[str], str]) -> int | None:
    """The handle of a lock file that this process holds; None where it can be none."""
    while fcntl is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                _delete(path, handle, new)
                os.close(handle)
                return None
            who = _holder(handle)
            os.close(handle)
            raise FolderInUseError(refusal(who)) from None
        # The one that held it until now may have deleted it since it was opened.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(path)):
                return handle
        os.close(handle)
    return None


def _delete(path: Path, handle: int, new: list[Path]) -> None:
    """Delete the lock file of a handle, and the folders that were made for it."""
    with suppress(OSError):
        # Where somebody has deleted it meanwhile, the one that is there is another command's.
        if os.path.samestat(os.fstat(handle), os.stat(path)):
            os.unlink(path)
            for parent in new:  # a refused input leaves nothing
                parent.rmdir()


def _holder(handle: int) -> str:
    """Who has written a lock file, for the message."""
    words = []
    with suppress(OSError):  # some disks let nobody read what is locked
        words = os.read(handle, 1000).decode(errors='replace').split()
    return f', process {words[0]} on {words[1]}' if len(words) == 2 else ''
