"""Text lists whose lines are a key and values, such as ``17 0.0 3.5 20.0 30.0``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import UNPACK_ANEW, AnnotationError
from .text_lists import read_lines

__all__ = ['Table', 'class_index', 'read_boxes', 'read_table']

#: key -> (values, line number counted from 1)
Table = dict[str, tuple[list[str], int]]


def read_table(
    file: str, num_values: int, images: Table | None = None, images_file: str = ''
) -> Table:
    """Read lines ``key value...``.

    Args:
        file: The file.
        num_values: How many values a line has. One value is the whole rest of the line, so it may
            hold spaces.
        images: A table whose keys must be exactly those of the file. Defaults to None: any.
        images_file: Where ``images`` comes from, for messages.

    Returns:
        The lines in their order.

    Raises:
        AnnotationError: The file is missing or empty; a line has another number of values, or a
            key that stood there before or is not in ``images``; or one of ``images`` has no line.
    """
    table: Table = {}
    for text, line in zip(*read_lines(file)):
        key, *values = text.split(None, 1) if num_values == 1 else text.split()
        if len(values) != num_values:
            raise AnnotationError.at(
                file,
                line,
                f'a number and {num_values} value{"s" if num_values > 1 else ""} were expected: '
                f'{text!r}',
                'Correct the line, or unpack the release anew',
            )
        if key in table:
            raise AnnotationError.at(
                file,
                line,
                f'the number {key} stood there before, in line {table[key][1]}',
                'Take one of the two lines out',
            )
        if images is not None and key not in images:
            raise AnnotationError.at(
                file,
                line,
                f'the picture {key} is not listed in {images_file}',
                'Add it there, or take this line out',
            )
        table[key] = (values, line)
    if not table:
        raise AnnotationError.at(file, None, 'it is empty', UNPACK_ANEW)
    if images is not None:
        missing = [entry for key, entry in images.items() if key not in table]
        if missing:
            raise AnnotationError.at_first(
                images_file,
                [line for _, line in missing],
                f'{missing[0][0][0]} has no line in {file}',
                'Add it there, or take the picture from the list',
            )
    return table


def read_boxes(table: Table, keys: Sequence[str], file: str, form: str) -> np.ndarray:
    """Read the four values of some lines as numbers.

    Args:
        table: The lines.
        keys: Those that are wanted.
        file: Where they come from, for messages.
        form: What a line holds, for messages.

    Returns:
        (n, 4) float64, as they stand there.

    Raises:
        AnnotationError: A value is no number.
    """
    rows = []
    for key in keys:
        values, line = table[key]
        try:
            rows.append([float(value) for value in values])
        except ValueError:
            raise AnnotationError.at(
                file, line, f'the box {" ".join(values)} is not made of numbers', f'Write {form}'
            ) from None
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def class_index(
    value: str | int,
    line: int,
    file: str,
    num_classes: int,
    names_file: str,
    unit: str = 'line',
) -> int:
    """Turn a class counted from 1 into one counted from 0.

    Args:
        value: The class as it stands in the file.
        line: Its line, or entry.
        file: The file, for messages.
        num_classes: How many classes there are.
        names_file: The file that names them, for messages.
        unit: What ``line`` counts: 'line', or 'entry'.

    Raises:
        AnnotationError: It is no integer from 1 to ``num_classes``.
    """
    try:
        label = int(value)
    except ValueError:
        label = 0
    if not 1 <= label <= num_classes:
        raise AnnotationError.at(
            file,
            line,
            f'class {value} is out of range for {num_classes} classes (1 to {num_classes})',
            f'Correct the label, or {names_file}; the release counts classes from 1',
            unit=unit,
        )
    return label - 1
