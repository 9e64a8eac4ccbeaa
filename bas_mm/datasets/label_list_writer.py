"""Writing of lists ``name class class ...``, which :mod:`.label_lists` reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from bas_mm.utils.class_names import word_of
from bas_mm.utils.result_files import write_text

__all__ = ['write_ids', 'write_label_list']


def write_ids(file: str | Path, ids: Iterable[str]) -> None:
    """Write one id per line, atomically."""
    write_text(file, ''.join(f'{image_id}\n' for image_id in ids))


def write_label_list(
    file: str | Path,
    names: Sequence[str],
    labels: Sequence[Sequence[int]],
    classes: Sequence[str],
) -> None:
    """Write a label list with class names, atomically.

    Args:
        file: The list.
        names: The pictures.
        labels: The classes of each, counted from 0.
        classes: Names of the classes; spaces in them become ``_``.
    """
    words = [word_of(name) for name in classes]
    rows = (
        ' '.join([name, *(words[index] for index in found)]) for name, found in zip(names, labels)
    )
    write_text(file, ''.join(f'{row}\n' for row in rows))
