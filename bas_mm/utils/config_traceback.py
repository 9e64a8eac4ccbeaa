"""What the traceback of a run's error tells of the config: which part was built, in which loop."""

from __future__ import annotations

import dis
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any

__all__ = [
    'BUILDERS',
    'built_class',
    'built_parts',
    'config_parts',
    'is_a_raise',
    'module_of',
    'path_of_part',
    'running_phase',
    'steps_of',
]

#: The module of mmengine whose functions build the parts of a config.
BUILDERS = 'mmengine.registry.build_functions'


def steps_of(error: BaseException) -> list[TracebackType]:
    """The entries of an error's traceback, the outermost call first."""
    steps, step = [], error.__traceback__
    while step is not None:
        steps.append(step)
        step = step.tb_next
    return steps


def module_of(frame: FrameType) -> str:
    """The dotted name of the module whose code a frame runs; '' where it is of none."""
    return frame.f_globals.get('__name__') or ''


def is_a_raise(step: TracebackType) -> bool:
    """Whether an error's last step is a ``raise`` statement.

    An error may also come out of a function in C, which has no entry of its own.
    """
    return step.tb_frame.f_code.co_code[step.tb_lasti] == dis.opmap['RAISE_VARARGS']


def built_parts(steps: Iterable[TracebackType]) -> list[Mapping]:
    """The parts of the config that mmengine was building, the outermost first.

    Args:
        steps: The entries of an error's traceback.

    Returns:
        The dicts as mmengine had them, copies of the config's perhaps; each has a 'type'.
    """
    frames = [step.tb_frame for step in steps]
    parts = [frame.f_locals.get('cfg') for frame in frames if module_of(frame) == BUILDERS]
    return [part for part in parts if isinstance(part, Mapping) and 'type' in part]


def built_class(steps: Iterable[TracebackType]) -> Any:
    """The class or function of the innermost of :func:`built_parts`; None if it was not found."""
    frames = [step.tb_frame for step in steps if module_of(step.tb_frame) == BUILDERS]
    found = frames[-1].f_locals if frames else {}
    return found.get('obj_cls') or found.get('scheduler_cls')


def config_parts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping]]:
    """All dicts of a config with the keys that lead there.

    Args:
        value: The config, or a value in it.
        path: The keys that lead to that value.

    Yields:
        The keys, as ``--cfg-options`` takes them, and the dict; first the value itself.
    """
    if isinstance(value, Mapping):
        yield '.'.join(path), value
        for key, child in value.items():
            yield from config_parts(child, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from config_parts(child, (*path, str(index)))


def path_of_part(cfg: Mapping, part: Mapping, steps: Iterable[TracebackType]) -> str | None:
    """Where in a config a part stands; mmengine builds copies, and adds to some.

    Args:
        cfg: The config.
        part: One of :func:`built_parts`.
        steps: The entries of the traceback: of equal parts the one of the loop that was built.

    Returns:
        The keys that lead to the part of its type that is most like it, as ``--cfg-options`` takes
        them; None where there is none of its type.
    """
    same = [
        (path, dict(other))
        for path, other in config_parts(cfg)
        if other.get('type') == part['type']
    ]
    part = dict(part)
    equal = [path for path, other in same if other == part]
    within = [path for path, other in same if other.items() <= part.items()]
    found = equal or within or [path for path, _ in same]
    # Validation and test are often of equal parts.
    calls = {step.tb_frame.f_code.co_name for step in steps}
    for phase in ('train', 'val', 'test'):
        of_phase = [path for path in found if path.startswith(f'{phase}_')]
        if f'build_{phase}_loop' in calls and of_phase:
            return of_phase[0]
    return found[0] if found else None


def running_phase(steps: Iterable[TracebackType]) -> str | None:
    """Whose loop was running: 'train', 'val' or 'test'; None without a loop."""
    phase = None
    for step in steps:  # a validation is within a training
        kind = type(step.tb_frame.f_locals.get('self')).__name__
        phase = next((name for name in ('Train', 'Val', 'Test') if f'{name}Loop' in kind), phase)
    return phase and phase.lower()
