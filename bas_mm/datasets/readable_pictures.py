"""Refusal of pictures that cannot be read, before anything is computed of the others."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import AnnotationError, UnreadableImageError
from .transforms.load_loc_image import LoadLocImage

__all__ = ['require_readable']


def require_readable(
    paths: Sequence[str], lines: Sequence[int], file: str, unit: str = 'line'
) -> None:
    """Read pictures as :class:`LoadLocImage` does, and refuse those that cannot be read.

    Meant for the few whose heads tell no size, for each is decoded.

    Args:
        paths: The pictures.
        lines: The line of each in ``file``.
        file: The file that lists them, for messages.
        unit: What ``lines`` counts: 'line', or 'entry' in a file that has no lines.

    Raises:
        AnnotationError: Names the first that cannot be read and counts the others.
    """
    load = LoadLocImage()
    problems, bad = [], []
    for path, line in zip(paths, lines):
        try:
            load.read(path)
        except UnreadableImageError as error:
            problems.append(str(error))
            bad.append(line)
    if bad:
        advice = 'Repair it, or take it from all lists: validation and test need each picture'
        raise AnnotationError.at_first(file, bad, problems[0], advice, unit)
