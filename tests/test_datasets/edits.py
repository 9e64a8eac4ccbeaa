"""Small damages to annotation files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bas_mm.datasets import AnnotationError


def replace_line(file: Path, number: int, text: str | None) -> None:
    """Put another line in the place of one, or None to take it out."""
    lines = file.read_text().splitlines()
    lines[number - 1 : number] = [] if text is None else [text]
    file.write_text('\n'.join(lines) + '\n')


def error_of(reader, *args, **kwargs) -> str:
    """The message of the AnnotationError that building a data set raises."""
    with pytest.raises(AnnotationError) as caught:
        reader(*args, **kwargs)
    return str(caught.value)


def infos_of(dataset) -> list[dict]:
    """The dicts of all pictures."""
    return [dataset.get_data_info(i) for i in range(len(dataset))]
