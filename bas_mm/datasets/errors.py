"""Errors of the data side: one for lists that do not hold together, one for pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = [
    'UNPACK_ANEW',
    'AnnotationError',
    'UnreadableImageError',
    'reading',
    'without_objects',
]

#: The advice where a release is not what was released.
UNPACK_ANEW = 'Unpack the release anew'


class AnnotationError(ValueError):
    """An annotation file contradicts itself, its neighbours or the pictures on disk.

    Raised while a data set is built, that is before training starts. The message names the file
    and the line, and says what to do.
    """

    @classmethod
    def at(
        cls,
        file: str,
        line: int | None,
        problem: str,
        advice: str,
        others: int = 0,
        unit: str = 'line',
    ) -> AnnotationError:
        """Make the error for one line of a file.

        Args:
            file: The annotation file, or the folder that was looked for.
            line: Line number, counted from 1; None when the file as a whole is meant.
            problem: What is wrong.
            advice: What to do about it.
            others: How many further lines of the file have the same problem.
            unit: What ``line`` counts: 'line', or 'entry' or 'image' in a file that has no lines.
        """
        where = f'{file}, {unit} {line}' if line is not None else f'{file}'
        plural = f'{unit}s' if unit != 'entry' else 'entries'
        more = f' ({others} more {unit if others == 1 else plural} like this)' if others else ''
        return cls(f'{where}: {problem}{more}. {advice}')

    @classmethod
    def at_first(
        cls, file: str, lines: Sequence[int], problem: str, advice: str, unit: str = 'line'
    ) -> AnnotationError:
        """Make the error for the first of several lines and count the others."""
        return cls.at(file, int(lines[0]), problem, advice, len(lines) - 1, unit)


@contextmanager
def reading(file: str, if_missing: str, if_unreadable: str) -> Iterator[None]:
    """Read an annotation file: what the system says becomes an :class:`AnnotationError`.

    Args:
        file: The file.
        if_missing: What to do where there is none.
        if_unreadable: What to do where it cannot be read, or is no text.
    """
    try:
        yield
    except FileNotFoundError:
        raise AnnotationError.at(file, None, 'there is no such file', if_missing) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError.at(file, None, f'cannot be read ({error})', if_unreadable) from error


class UnreadableImageError(RuntimeError):
    """A picture file is missing, empty, cut short or no picture.

    Args:
        message: The whole message. It is the only argument, because PyTorch rebuilds an error of
            a data loader's worker process from its message alone.
    """

    @classmethod
    def of(cls, file: str, reason: str) -> UnreadableImageError:
        """Make the error for one picture file.

        Args:
            file: The file.
            reason: What a decoder says, of which :func:`without_objects` leaves some out.
        """
        return cls(f'unreadable picture {file}: {without_objects(reason)}')


def without_objects(reason: str) -> str:
    """What a decoder says, without the objects of this process that it names.

    Their addresses say nothing to anybody, and the name of the file is said before.
    """
    return re.sub(r" ?<[\w.]+ (object at 0x\w+|name=(['\"]).*\2)>", '', reason)
