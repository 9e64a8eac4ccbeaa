"""Which checkpoint a training that was stopped has left."""

from __future__ import annotations

import locale
import os
import re
from pathlib import Path

from bas_mm.utils.result_files import write_bytes

__all__ = ['NOTE', 'find_last_checkpoint', 'has_checkpoints', 'repair_note']

#: The file of a work folder in which mmengine notes the latest checkpoint.
NOTE = 'last_checkpoint'

# As mmengine names them by itself, and those that it keeps for their figures.
_NUMBERED = re.compile(r'(epoch|iter)_\d+\.pth')
_BEST = 'best_'


def has_checkpoints(folder: str | Path) -> bool:
    """Whether a training has left checkpoints with mmengine's names, or its note of others.

    A note of what is gone is none.

    Args:
        folder (str | Path): A work folder; it need not exist.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    if any(map(_NUMBERED.fullmatch, names)):
        return True
    try:
        find_last_checkpoint(folder)
    except OSError:
        return False
    return True


def find_last_checkpoint(folder: str | Path) -> str:
    """The latest checkpoint of a work folder.

    mmengine opens its note anew for each checkpoint: a process that is killed at that moment leaves
    it empty. Then it is the file that was written last: of those with mmengine's names or, where
    ``filename_tmpl`` gave others, of all ``*.pth`` but the best ones. Where the folder has another
    name now, or is a copy, it is its own file of the noted name.

    Args:
        folder (str | Path): The work folder.

    Returns:
        str: Its path, or its address where it is not on a disk.

    Raises:
        FileNotFoundError: Nothing is noted, or nothing that is there.
    """
    return _resolve(Path(folder), _read_note(Path(folder)))


def repair_note(folder: str | Path) -> None:
    """Let a work folder's note name the checkpoint that :func:`find_last_checkpoint` finds.

    Where there is no note, nothing is done.

    Args:
        folder (str | Path): The work folder.

    Raises:
        FileNotFoundError: Nothing that is noted is there.
    """
    folder = Path(folder)
    if not (folder / NOTE).exists():
        return
    noted = _read_note(folder)
    found = _resolve(folder, noted)
    if found != noted:
        # All processes of a job do it, alike and perhaps at the same time.
        write_bytes(folder / NOTE, found.encode(locale.getpreferredencoding(False)))


def _read_note(folder: Path) -> str:
    try:
        return (folder / NOTE).read_text().strip()  # in the encoding in which mmengine writes
    except UnicodeDecodeError:
        return ''
    except OSError:
        raise FileNotFoundError(
            f'{folder / NOTE} is not there: the training in {folder} has left no checkpoint'
        ) from None


def _resolve(folder: Path, noted: str) -> str:
    """The checkpoint that is there, from what is noted."""
    if '://' in noted:
        return noted
    own = folder / Path(noted).name
    # The noted one is that of another work folder where this is a copy of it, and elsewhere too
    # where CheckpointHook.out_dir says so.
    if noted and Path(noted).exists():
        of_another = (Path(noted).parent / NOTE).exists() and not own.parent.samefile(
            Path(noted).parent
        )
        return str(own) if of_another and own.exists() else noted
    if noted and own.exists():
        return str(own)
    others = [path for path in folder.glob('*.pth') if not path.name.startswith(_BEST)]
    written = [path for path in others if _NUMBERED.fullmatch(path.name)] or others
    if noted or not written:
        raise FileNotFoundError(
            f'{folder / NOTE} names no checkpoint that is there: {noted or "it is empty"}'
        )
    return str(max(written, key=lambda path: path.stat().st_mtime_ns))
