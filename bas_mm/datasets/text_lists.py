"""Lists in text files, one item per line: their lines, and names that stand there twice."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import AnnotationError, reading

__all__ = ['read_class_names', 'read_lines', 'require_disjoint', 'require_unique']


def read_lines(file: str) -> tuple[list[str], Sequence[int]]:
    """Read the lines of a text file that hold something, with their numbers.

    Args:
        file: A UTF-8 text file, a byte order mark allowed, with any line ends.

    Returns:
        The lines without white space at their ends, and as many line numbers counted from 1.

    Raises:
        AnnotationError: The file is missing or is not text.
    """
    advice = 'Correct the path or make the file', 'It must be a readable UTF-8 text file'
    with reading(file, *advice), open(file, encoding='utf-8-sig') as handle:
        text = handle.read()
    # Not str.splitlines: it also splits at characters that a file name may contain.
    lines = [line.strip() for line in text.split('\n')]
    while lines and not lines[-1]:
        lines.pop()
    numbers: Sequence[int] = range(1, len(lines) + 1)
    if not all(lines):
        numbers = [number for number, line in zip(numbers, lines) if line]
        lines = [line for line in lines if line]
    return lines, numbers


def read_class_names(file: str) -> tuple[str, ...]:
    """Read class names, one per line.

    Raises:
        AnnotationError: The file is missing, empty, or names a class twice.
    """
    names, numbers = read_lines(file)
    if not names:
        raise AnnotationError.at(file, None, 'no class is named', 'Write one name per line')
    require_unique(names, numbers, file, 'the class ')
    return tuple(names)


def require_unique(
    names: Sequence[str],
    numbers: Sequence[int],
    file: str,
    kind: str = '',
    advice: str = 'Take one of the two lines out',
    unit: str = 'line',
) -> None:
    """Raise an :class:`AnnotationError` where a name stands in a list twice; it names both lines.

    Args:
        names: The names.
        numbers: The line of each.
        file: The list, for messages.
        kind: What a name is, before it in the message: 'the class ', say.
        advice: What to do about it.
        unit: What ``numbers`` counts: 'line', or 'entry' in a file that has no lines.
    """
    if len(set(names)) == len(names):
        return
    first: dict[str, int] = {}
    for name, number in zip(names, numbers):
        if name in first:
            problem = f'{kind}{name} was listed before, in {unit} {first[name]}'
            raise AnnotationError.at(file, number, problem, advice, unit=unit)
        first[name] = number


def require_disjoint(
    own: tuple[Sequence[str], Sequence[int], str],
    other: tuple[Sequence[str], Sequence[int], str],
    advice: str,
    unit: str = 'line',
) -> None:
    """Raise an :class:`AnnotationError` where a picture stands in two lists; it names both lines.

    Args:
        own: The names of a list, the line of each, and the list's file.
        other: Those of the other list.
        advice: What to do about it.
        unit: What the lines count: 'line', or 'entry' in a file that has no lines.
    """
    ids, lines, file = own
    other_ids, other_lines, other_file = other
    few, many = sorted((ids, other_ids), key=len)
    shared = set(few).intersection(many)
    if shared:
        position = next(i for i, image_id in enumerate(ids) if image_id in shared)
        other_line = other_lines[other_ids.index(ids[position])]
        raise AnnotationError.at(
            file,
            lines[position],
            f'{ids[position]} is also in another split: {other_file}, {unit} {other_line}',
            advice,
            others=len(shared) - 1,
            unit=unit,
        )
