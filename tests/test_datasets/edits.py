"""Small damages to annotation files, and a note in a picture's."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import ExifTags, Image

from bas_mm.datasets import AnnotationError


def replace_line(file: Path, number: int, text: str | None) -> None:
    """Put another line in the place of one, or None to take it out."""
    lines = file.read_text().splitlines()
    lines[number - 1 : number] = [] if text is None else [text]
    file.write_text('\n'.join(lines) + '\n')


def put_on_its_side(path: Path) -> None:
    """Note in a picture's file that it is to be shown turned by a quarter."""
    with Image.open(path) as picture:
        exif = picture.getexif()
        exif[ExifTags.Base.Orientation] = 6
        picture.save(path, exif=exif)


def error_of(reader, *args, **kwargs) -> str:
    """The message of the AnnotationError that building a data set raises."""
    with pytest.raises(AnnotationError) as caught:
        reader(*args, **kwargs)
    return str(caught.value)


def infos_of(dataset) -> list[dict]:
    """The dicts of all pictures."""
    return [dataset.get_data_info(i) for i in range(len(dataset))]
