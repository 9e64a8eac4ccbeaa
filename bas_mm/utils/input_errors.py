"""Which errors of a run are its input's, and what to say of them in one line."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import FrameType, TracebackType
from typing import Any

__all__ = ['describe_input_error']

_PACKAGE = __name__.partition('.')[0]
_UNKNOWN_TYPE = re.compile(r'(\S+) is not in the .+ registry')
_UNKNOWN_ARGUMENT = re.compile(r"(\S+)\(\) got an unexpected keyword argument '(\w+)'")
_MISSING_ARGUMENT = re.compile(r'(\S+)\(\) missing \d+ required .*arguments?: (.+)')


def describe_input_error(error: BaseException, cfg: Mapping) -> str | None:
    """Tell an error of the input from one of the program.

    An error is the input's where

    * a ``raise`` of bas_mm made it, which all say what is wrong with what they were given; or
    * mmengine did not find the ``type`` of a part of the config, or a part of the config has a key
      that its type does not take, or lacks one that it needs.

    Args:
        error (BaseException): As it was caught, with its traceback.
        cfg (Mapping): The run's config.

    Returns:
        str | None: What is wrong and, where a part of the config was being built, the key of that
        part, as ``--cfg-options`` takes it. None: not known to be an error of the input.
    """
    steps = list(_steps(error.__traceback__))
    if not steps:
        return None
    said = _said_by_us(error, steps[-1])
    if said is not None:
        built = _built(steps)
        where = _path_of(cfg, built[-1]) if built else None
        named = where is None or said.startswith(where)
        return said if named else f'{where}: {said}'
    if isinstance(error, KeyError):
        return _unknown_type(error, cfg, steps)
    if isinstance(error, TypeError):
        return (
            _unknown_argument(error, cfg, steps)
            or _missing_argument(error, cfg, steps)
            or _unknown_optimizer(error, cfg)
        )
    return None


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """The traceback's entries, the outermost call first."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _module(frame: FrameType) -> str:
    return frame.f_globals.get('__name__') or ''


def _said_by_us(error: BaseException, last: TracebackType) -> str | None:
    """The message, where a ``raise`` of bas_mm made it, here or in a loader's worker process."""
    if type(error).__module__.partition('.')[0] == _PACKAGE:
        # A worker's traceback comes before the message, behind the type's name.
        name = f'{type(error).__module__}.{type(error).__qualname__}: '
        return str(error).rpartition(name)[2].strip()
    code = last.tb_frame.f_code.co_code
    # What comes out of a function in C that our code calls is no message of ours.
    raised = code[last.tb_lasti] == dis.opmap['RAISE_VARARGS']
    if not raised or _module(last.tb_frame).partition('.')[0] != _PACKAGE:
        return None
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


def _built(steps: Iterable[TracebackType]) -> list[Mapping]:
    """The parts of the config that mmengine was building, the outermost first."""
    frames = [step.tb_frame for step in steps]
    parts = [
        frame.f_locals.get('cfg')
        for frame in frames
        if _module(frame) == 'mmengine.registry.build_functions'
    ]
    return [part for part in parts if isinstance(part, Mapping) and 'type' in part]


def _parts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Mapping]]:
    """All dicts of a config with the keys that lead there."""
    if isinstance(value, Mapping):
        yield '.'.join(path), value
        for key, child in value.items():
            yield from _parts(child, (*path, str(key)))
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from _parts(child, (*path, str(index)))


def _path_of(cfg: Mapping, part: Mapping) -> str | None:
    """Where in a config a part stands; mmengine builds copies, and adds to some."""
    same = [(path, dict(other)) for path, other in _parts(cfg) if other.get('type') == part['type']]
    part = dict(part)
    equal = [path for path, other in same if other == part]
    within = [path for path, other in same if other.items() <= part.items()] if not equal else []
    found = equal or within or [path for path, _ in same]
    return found[0] if found else None


def _like(name: str, names: Mapping[str, str]) -> str:
    """A clause with the likest names: those by which they are called, of those that they have."""
    close = get_close_matches(name, sorted(names), n=3)
    return f'; like it are {", ".join(names[other] for other in close)}' if close else ''


def _registered(registry: Any) -> dict[str, str]:
    """What a config calls the modules that a registry of mmengine finds, by their names.

    Its own and its parents' go by their names alone, those of other packages with the package's.
    """
    above, names = registry, {}
    while above.parent is not None:
        above = above.parent
    for scope, child in above.children.items():
        names.update({name: f'{scope}.{name}' for name in child.module_dict})
    while registry is not None:
        names.update({name: name for name in registry.module_dict})
        registry = registry.parent
    return names


def _unknown_type(error: KeyError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    match = _UNKNOWN_TYPE.match(str(error.args[0]) if error.args else '')
    if match is None or not _module(steps[-1].tb_frame).startswith('mmengine.registry'):
        return None
    name = match[1]
    paths = [path for path, part in _parts(cfg) if part.get('type') == name]
    if not paths:
        return None
    registry = steps[-1].tb_frame.f_locals.get('registry')
    return _no_such_type(paths[0], name, registry)


def _no_such_type(path: str, name: str, registry: Any) -> str:
    return (
        f'{path}.type={name!r}: there is no {registry.name} of this name'
        f'{_like(name, _registered(registry))}. Modules of your own are made known by '
        'custom_imports'
    )


def _unknown_optimizer(error: TypeError, cfg: Mapping) -> str | None:
    """mmengine looks at the optimizer's signature before it asks whether there is one."""
    from bas_mm.registry import OPTIMIZERS

    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer') or {}
    name = optimizer.get('type')
    unknown = isinstance(name, str) and OPTIMIZERS.get(name) is None
    if str(error) != 'None is not a callable object' or not unknown:
        return None
    return _no_such_type('optim_wrapper.optimizer', name, OPTIMIZERS)


def _in_constructor(steps: list[TracebackType]) -> bool:
    """Whether an error of arguments came from building a part, not from what the part did then."""
    last = steps[-1].tb_frame
    return last.f_code.co_name == '__init__' or _module(last).partition('.')[0] == 'mmengine'


def _unknown_argument(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    match = _UNKNOWN_ARGUMENT.fullmatch(str(error))
    if match is None or not _in_constructor(steps):
        return None
    key = match[2]
    built = _built(steps)
    # mmengine builds loaders and loops itself, of parts without a type.
    parts = [(path, part) for path, part in _parts(cfg) if key in part and 'type' not in part]
    if built and key in built[-1]:
        path, name = _path_of(cfg, built[-1]), str(built[-1]['type'])
        takes = _arguments(steps)
    elif parts:
        path, name, takes = parts[0][0], match[1].removesuffix('.__init__'), {}
    else:
        return None
    key_path = f'{path}.{key}' if path else key
    return f'{key_path}: {name} takes no {key}{_like(key, takes)}'


def _missing_argument(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    match = _MISSING_ARGUMENT.fullmatch(str(error))
    built = _built(steps)
    if match is None or not built or not _in_constructor(steps):
        return None
    path, name = _path_of(cfg, built[-1]), str(built[-1]['type'])
    return f'{path}: {name} needs {match[2]}' if path is not None else None


def _arguments(steps: list[TracebackType]) -> dict[str, str]:
    """The names of all arguments of the part that mmengine was building, by themselves."""
    for step in reversed(steps):
        kind = step.tb_frame.f_locals.get('obj_cls')
        if _module(step.tb_frame) != 'mmengine.registry.build_functions' or kind is None:
            continue
        functions = [c.__init__ for c in kind.__mro__] if inspect.isclass(kind) else [kind]
        names = {name for f in functions for name in inspect.signature(f).parameters}
        return {name: name for name in names - {'self', 'args', 'kwargs'}}
    return {}
