"""Dataclasses of settings from a config's dicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from math import isfinite
from typing import Any, TypeVar, get_type_hints

__all__ = ['params_of', 'settings_of']

_Params = TypeVar('_Params')


def settings_of(kind: type[_Params], values: Mapping[str, Any] | None, key: str) -> _Params:
    """A dataclass of settings from the values of a config.

    Args:
        kind (type): The dataclass, which judges the values itself.
        values (Mapping, optional): Values by name.
        key (str): The config's key, for messages.

    Raises:
        ValueError: A name is unknown or missing, or a value makes no sense.
    """
    values = dict(values or {})
    names = [field.name for field in fields(kind)]
    if not set(values) <= set(names):
        raise ValueError(f'{key} takes {", ".join(names)}; got {values}.')
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f'{key}={values}: {error}') from error


def params_of(default: _Params, values: Mapping[str, Any] | None, key: str) -> _Params:
    """A copy of a dataclass of settings with the values of a config.

    Args:
        default (dataclass): What the config does not name.
        values (Mapping, optional): Values by name; dicts for settings that are dataclasses. Where
            a whole number is needed, 5.0 is one.
        key (str): The config's key, for messages.

    Raises:
        ValueError: A name is unknown, or a value makes no sense.
    """
    if values is not None and not isinstance(values, Mapping):
        raise ValueError(f'{key}={values!r}: a dict is needed')
    known = [field.name for field in fields(default)]
    # Not the default's own type: 10 is one of a float.
    kinds = get_type_hints(type(default))
    given = {}
    for name, value in (values or {}).items():
        if name not in known:
            raise ValueError(f'{key}.{name} is unknown: there are {", ".join(known)}')
        before = getattr(default, name)
        if is_dataclass(before):
            value = params_of(before, value, f'{key}.{name}')
        elif isinstance(before, bool):
            if not isinstance(value, bool):
                raise ValueError(f'{key}.{name}={value!r}: True or False is needed')
        elif isinstance(before, tuple):
            pass  # a list, which the dataclass itself judges
        else:
            value = _number(value, kinds[name], f'{key}.{name}')
        given[name] = value
    return replace(default, **given)


def _number(value: Any, kind: type, key: str) -> float:
    """A finite number, which is an int where the kind is int."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f'{key}={value!r}: a number is needed')
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f'{key}={value!r}: a finite number is needed')
    if kind is not int:
        return value
    if value != int(value):
        raise ValueError(f'{key}={value!r}: a whole number is needed')
    return int(value)
