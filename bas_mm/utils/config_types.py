"""What the ``type`` of a config stands for, however it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.registry import Registry

__all__ = ['plain_types', 'registered_class', 'type_name']


def type_name(config: Any) -> str:
    """The name of what a config builds, without scope and module.

    Args:
        config (Any): Its ``type`` is a name, with or without a scope, or a dotted path, or, in
            configs in Python's own syntax (``read_base``), a class.

    Returns:
        str: '' where it has none.

    Examples:
        >>> type_name(dict(type='bas_mm.LocResize'))
        'LocResize'
    """
    kind = config.get('type') if isinstance(config, Mapping) else None
    if isinstance(kind, str):
        return kind.rpartition('.')[2]
    return getattr(kind, '__name__', '')


def plain_types(config: Any) -> Any:
    """A copy in plain values: classes and functions by their dotted paths, which registries find.

    Args:
        config (Any): Dictionaries, lists and tuples, one in another.
    """
    if isinstance(config, Mapping):
        return {key: plain_types(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(plain_types(value) for value in config)
    name = getattr(config, '__qualname__', None)
    return config if name is None else f'{config.__module__}.{name}'


def registered_class(registry: Registry, config: Any) -> type | None:
    """The class that a config builds.

    Args:
        registry (Registry): Where its name is looked up.
        config (Any): As in :func:`type_name`.

    Returns:
        type | None: None where there is none of this name, or it is a function.
    """
    kind = config.get('type') if isinstance(config, Mapping) else None
    found = registry.get(kind) if isinstance(kind, str) else kind
    return found if isinstance(found, type) else None
