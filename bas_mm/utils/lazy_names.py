"""Packages that import their modules when a name of them is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ['lazy_names']


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose names are resolved on first use.

    Type checkers cannot follow it: the package imports the names for them under ``TYPE_CHECKING``.

    Args:
        package: Its ``__name__``.
        homes: Name -> the module below the package that has it. These modules are names too.

    Returns:
        The two functions. The second one lists the names that are not resolved yet as well, which
        Sphinx would not find otherwise.
    """

    def resolve(name: str) -> Any:
        if name in homes:
            return getattr(import_module(f'{package}.{homes[name]}'), name)
        if name in homes.values():
            return import_module(f'{package}.{name}')
        raise AttributeError(f'module {package!r} has no attribute {name!r}')

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return resolve, names
