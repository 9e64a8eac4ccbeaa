"""Helpers that belong to no single part of bas_mm.

Names are resolved on first use: ``bas_mm`` imports this package to check versions, and that check
must not import mmengine.
"""

from importlib import import_module
from typing import Any

__all__ = ['check_dependencies', 'register_all_modules']

_HOMES = {
    'check_dependencies': 'bas_mm.utils.dependencies',
    'register_all_modules': 'bas_mm.utils.setup_env',
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    """With the names that are not resolved yet, which Sphinx would not find otherwise."""
    return sorted({*globals(), *__all__})
