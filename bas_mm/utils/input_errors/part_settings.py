"""Parts of a config with settings that their type does not take, lacks, or makes nothing of."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from types import TracebackType

from ..config_numbers import describe_no_number
from ..config_traceback import (
    built_class,
    built_parts,
    config_parts,
    is_a_raise,
    module_of,
    path_of_part,
)
from ..similar_names import like_clause
from .part_types import UNKNOWN_TYPE
from .shared import RUNNER, constructors_of, message_of, parameters_of

__all__ = [
    'missing_argument',
    'missing_figure',
    'refused_settings',
    'text_for_a_number',
    'unknown_argument',
]

# Python 3.13 proposes another name.
_UNKNOWN_ARGUMENT = re.compile(
    r"(\S+)\(\) got an unexpected keyword argument '(\w+)'(?:\. Did you mean '\w+'\?)?"
)
_MISSING_ARGUMENT = re.compile(r'(\S+)\(\) missing \d+ required .*arguments?: (.+)')
# mmengine's methods that build loaders and loops themselves, of parts without a type.
_BUILT_BY_RUNNER = ('build_dataloader', 'build_train_loop', 'build_val_loop', 'build_test_loop')


def unknown_argument(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A key that the type of its part, or mmengine's own method, does not take."""
    match = _UNKNOWN_ARGUMENT.fullmatch(str(error))
    if match is None:
        return None
    key, built = match[2], built_parts(steps)
    last = steps[-1].tb_frame
    if module_of(last) == RUNNER and match[1] == 'Runner.set_randomness':
        path, name = 'randomness', 'it'
        takes = inspect.signature(last.f_locals['self'].set_randomness).parameters
        takes = {other: other for other in takes}
    elif module_of(last) == RUNNER and last.f_code.co_name in _BUILT_BY_RUNNER:
        path, takes = _path_of_runners_part(cfg, key, steps), {}
        name = match[1].removesuffix('.__init__')
    elif built:
        constructors = constructors_of(built_class(steps))
        names = {p.name for function in constructors.values() for p in parameters_of(function)}
        takes = {other: other for other in names - {'self', 'args', 'kwargs'}}
        path, name = path_of_part(cfg, built[-1], steps), built[-1]['type']
        # Else the type takes it, and what it then calls does not: an error of its own.
        if key not in built[-1] or key in takes or match[1] not in constructors:
            return None
    else:
        return None
    return None if path is None else f'{path}.{key}: {name} takes no {key}{like_clause(key, takes)}'


def _path_of_runners_part(cfg: Mapping, key: str, steps: list[TracebackType]) -> str | None:
    """Which loop's or loader's settings have a key: those that mmengine was at."""
    calls = [step.tb_frame.f_code.co_name for step in steps]
    kind = 'dataloader' if calls[-1] == 'build_dataloader' else 'cfg'
    phases = [phase for phase in ('train', 'val', 'test') if f'build_{phase}_loop' in calls]
    for phase in phases or ('train', 'val', 'test'):
        part = cfg.get(f'{phase}_{kind}')
        if isinstance(part, Mapping) and key in part:
            return f'{phase}_{kind}'
    return None


def missing_argument(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A key that the type of a part needs."""
    match = _MISSING_ARGUMENT.fullmatch(str(error))
    built, last = built_parts(steps), module_of(steps[-1].tb_frame)
    if match is None or not built or match[1] not in constructors_of(built_class(steps)):
        return None
    # From within a type's own code it would be that code's error.
    if last.partition('.')[0] != 'mmengine':
        return None
    path = path_of_part(cfg, built[-1], steps)
    return None if path is None else f'{path}: {built[-1]["type"]} needs {match[2]}'


def refused_settings(error: Exception, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """What the very type that a part of the config names says of its arguments."""
    built, kind, last = built_parts(steps), built_class(steps), steps[-1]
    own = inspect.isclass(kind) and isinstance(last.tb_frame.f_locals.get('self'), kind)
    said = message_of(error)
    if not built or not own or not is_a_raise(last) or not said or UNKNOWN_TYPE.match(said):
        return None
    path = path_of_part(cfg, built[-1], steps)
    return None if path is None else f'{path}: {said}'


def text_for_a_number(error: Exception, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A setting that the type of a part was not made for; what it broke says little."""
    built = built_parts(steps)
    path = path_of_part(cfg, built[-1], steps) if built else None
    if path is None:
        return None
    for function in constructors_of(built_class(steps)).values():
        for parameter in parameters_of(function):
            kind, value = parameter.annotation, built[-1].get(parameter.name)
            if kind is parameter.empty:
                # Where the default is a number, one for each of several may be meant: no text.
                kind = type(parameter.default) if isinstance(value, str) else None
            if kind in (int, float, 'int', 'float'):
                said = describe_no_number(value, kind in (int, 'int'))
                if said is not None:
                    return f'{path}.{parameter.name}={value!r}: {said}'
    return None


def missing_figure(error: KeyError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A figure that the best checkpoint is chosen by, known after the first validation."""
    frame = steps[-1].tb_frame
    place = module_of(frame), frame.f_code.co_name
    figures = frame.f_locals.get('metrics')
    if place != ('mmengine.hooks.checkpoint_hook', '_save_best_checkpoint') or not figures:
        return None
    name = error.args[0]
    for path, part in config_parts(cfg):
        chosen = part.get('save_best')
        if name in (chosen if isinstance(chosen, (list, tuple)) else [chosen]):
            return (
                f'{path}.save_best: the validation gives no {name}; it gives {", ".join(figures)}'
            )
    return None
