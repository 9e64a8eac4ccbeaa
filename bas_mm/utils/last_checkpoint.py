"""Which checkpoint a training that was stopped has left."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ['find_last_checkpoint']

_NUMBERED = re.compile(r'(?:epoch|iter)_(\d+)\.pth')


def find_last_checkpoint(folder: str | Path) -> str | None:
    """The latest checkpoint of a work folder.

    mmengine notes it in ``last_checkpoint``, where it opens the file anew for each: a process that
    is killed at that moment leaves it empty. Then, and where the folder has another name now, it
    is the file with the highest number.

    Args:
        folder (str | Path): The work folder.

    Returns:
        str | None: Its path, or its address where it is not on a disk; None where there is none.
    """
    folder = Path(folder)
    try:
        noted = (folder / 'last_checkpoint').read_text(encoding='utf-8').strip()
    except OSError:
        return None
    if '://' in noted or (noted and Path(noted).exists()):
        return noted
    numbered = [(_NUMBERED.fullmatch(path.name), path) for path in folder.glob('*.pth')]
    numbers = [(int(match[1]), path) for match, path in numbered if match]
    if numbers:
        return str(max(numbers)[1])
    return noted or None
