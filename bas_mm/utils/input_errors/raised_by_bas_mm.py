"""What a ``raise`` of bas_mm says, here or in a worker process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from ..config_traceback import built_parts, is_a_raise, module_of, path_of_part, steps_of
from .files_and_disks import unwritable_file
from .shared import PACKAGE, message_of

__all__ = ['said_by_bas_mm']

_FOLDER = Path(__file__).resolve().parents[2]
# An entry of a printed traceback: its file, and its line of code.
_PRINTED_STEP = re.compile(r'^ *File "(.+)", line \d+, in .+\n *(.*)', re.MULTILINE)
# Between an error's printed traceback and that of the one that was raised because of it.
_NEXT_ERROR = re.compile(r'\n\n(?:The above exception was|During handling of the above exception)')


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition('.')[0] == PACKAGE


def _is_a_raise_of_ours(step: TracebackType) -> bool:
    return is_a_raise(step) and module_of(step.tb_frame).partition('.')[0] == PACKAGE


def said_by_bas_mm(error: BaseException, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """What a ``raise`` of bas_mm says, after the key of the part that was being built."""
    said = _said_by_a_worker(error, steps[-1]) or _said_by_us(error, steps[-1])
    if said is None:
        return None
    said = unwritable_file(error, cfg, steps) or said  # of a file's writer of ours
    built = built_parts(steps)
    where = path_of_part(cfg, built[-1], steps) if built else None
    named = where is None or said.startswith(where)
    return said if named else f'{where}: {said}'


def _said_by_us(error: BaseException, last: TracebackType) -> str | None:
    """The message of an error of a type of ours, or that a ``raise`` of bas_mm made."""
    kind, inner, text = type(error), error.__cause__ or error.__context__, str(error)
    if _is_ours(kind):
        return message_of(error) or None
    if kind is NotImplementedError or not _is_a_raise_of_ours(last):
        return None
    if type(inner) is kind and str(inner) and str(inner) in text:
        # Handed on with the name of a picture, say: whose error is the one within?
        steps = steps_of(inner)
        if not steps or _said_by_us(inner, steps[-1]) is None:
            return None
    return message_of(error) or None


def _said_by_a_worker(error: BaseException, last: TracebackType) -> str | None:
    """:func:`_said_by_us` of an error of another process, of which there is the text alone."""
    kind = type(error)
    if module_of(last.tb_frame) == 'torch._utils':  # a loader's: the traceback is the message
        printed = str(error)
        message = re.split(rf'\n(?:[\w.]+\.)?{re.escape(kind.__name__)}: ', printed)[-1].strip()
    elif type(error.__cause__).__name__ in ('_RemoteTraceback', 'RemoteTraceback'):
        printed, message = str(error.__cause__), message_of(error)
    else:
        return None
    if _is_ours(kind):
        return message
    outer, *inner = reversed(_NEXT_ERROR.split(printed))
    for block in (outer, *inner):
        name, _, text = block.strip().rpartition('\n')[2].partition(': ')
        if block is not outer and not (name == kind.__name__ and text and text in message):
            break  # not handed on: an error of ours that came of another
        steps = _PRINTED_STEP.findall(block)
        file, code = steps[-1] if steps else ('', '')
        ours = Path(file).resolve().is_relative_to(_FOLDER) and code.startswith('raise ')
        if kind is NotImplementedError or not ours:
            return None
    return message
