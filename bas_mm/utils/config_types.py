"""What the ``type`` of a config stands for, however it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.registry import Registry

__all__ = ['registered_class', 'type_name']


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
