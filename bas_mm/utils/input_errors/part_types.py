"""Parts of a config whose ``type`` is not there, or needs a package that is not installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ..config_traceback import BUILDERS, built_parts, is_a_raise, module_of, path_of_part
from ..similar_names import like_clause
from .shared import PACKAGE, message_of

__all__ = ['UNKNOWN_TYPE', 'missing_package', 'unknown_optimizer', 'unknown_type']

UNKNOWN_TYPE = re.compile(r'(\S+) is not in the .+ registry')


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


def unknown_type(error: KeyError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """mmengine's error of a type that no registry has."""
    match = UNKNOWN_TYPE.match(message_of(error))
    if match is None or module_of(steps[-1].tb_frame) != BUILDERS:
        return None
    *outer, part = built_parts(steps)
    path = path_of_part(cfg, {**part, 'type': match[1]}, steps)
    if path is None:
        return _unknown_inner_type(match[1], cfg, outer, steps)
    return _no_such_type(path, match[1], steps[-1].tb_frame.f_locals['registry'])


def _unknown_inner_type(
    name: str, cfg: Mapping, outer: list[Mapping], steps: list[TracebackType]
) -> str | None:
    """A part of another package builds parts of its own, by names without a scope."""
    path = path_of_part(cfg, outer[-1], steps) if outer else None
    if path is None or not isinstance(outer[-1]['type'], str):
        return None
    scope, dot, _ = outer[-1]['type'].partition('.')
    if not dot or '_scope_' in outer[-1]:
        return None
    return (
        f'{path}: {outer[-1]["type"]} asks for {name}, a name of the scope {scope}: add '
        f'_scope_={scope!r} to it'
    )


def _no_such_type(path: str, name: str, registry: Any) -> str:
    like = like_clause(name.rpartition('.')[2], _registered(registry))
    return (
        f'{path}.type={name!r}: there is no {registry.name} of this name{like}. Modules of your '
        'own are made known by custom_imports'
    )


def missing_package(error: ImportError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A part that cannot be built without a package which it asks for by itself."""
    built = built_parts(steps)
    path = path_of_part(cfg, built[-1], steps) if built else None
    if path is None:
        return None
    if isinstance(error, ModuleNotFoundError):
        # A module that its package lacks is another mistake.
        if not error.name or '.' in error.name or error.name == PACKAGE:
            return None
        return f'{path}: {built[-1]["type"]} needs the package {error.name}, which is not installed'
    # One that a statement has made says what is needed; Python's own, of a name, does not.
    return f'{path}: {message_of(error)}' if is_a_raise(steps[-1]) else None


def unknown_optimizer(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """mmengine looks at the optimizer's signature before it asks whether there is one."""
    from bas_mm.registry import OPTIMIZERS

    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer') or {}
    name = optimizer.get('type')
    unknown = isinstance(name, str) and OPTIMIZERS.get(name) is None
    if str(error) != 'None is not a callable object' or not unknown:
        return None
    return _no_such_type('optim_wrapper.optimizer', name, OPTIMIZERS)
