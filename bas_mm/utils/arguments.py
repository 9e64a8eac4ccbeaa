"""Judging of arguments that people give: what makes no sense is one ValueError with its name."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import numpy as np

__all__ = [
    'in_range',
    'is_path',
    'is_single',
    'listed_labels',
    'scale_factors',
    'two_sides',
    'whole_number',
]


def is_single(value: Any) -> bool:
    """Whether a value is one thing, a name or a number, and not several."""
    return (
        isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, 'ndim', 1) == 0
    )


def is_path(value: Any) -> bool:
    """Whether a value is one path, or a name: a text or a :class:`pathlib.Path`."""
    return isinstance(value, (str, os.PathLike))


def listed_labels(labels: Iterable[Any]) -> list[Any]:
    """Labels as a list.

    Args:
        labels (Iterable): What was given as several.

    Raises:
        ValueError: They are a mapping, whose keys they would be, or bytes, whose numbers.
    """
    if isinstance(labels, (Mapping, bytes, bytearray)):
        raise ValueError(
            f'labels must be a class or a list of classes, not of type {type(labels).__name__}'
        )
    return list(labels)


def whole_number(name: str, value: Any, least: int) -> int:
    """A whole number of Python, NumPy or torch.

    Args:
        name (str): The argument's, for the message.
        value (Any): What was given.
        least (int): The smallest that makes sense.

    Raises:
        ValueError: It is something else, as 1.0 and True are, or smaller.
    """
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ValueError(f'{name} must be a whole number of at least {least}, got {value!r}')
    return number


def in_range(name: str, value: Any, low: float, high: float, *, closed: bool) -> float:
    """A number from ``low`` to ``high``.

    Args:
        name (str): The argument's, for the message.
        value (Any): What was given.
        low (float): The smallest.
        high (float): The largest.
        closed (bool): Whether ``high`` itself is allowed.

    Raises:
        ValueError: It is no number, or another one.
    """
    try:
        number = None if isinstance(value, (str, bytes, bool, np.bool_)) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None or not (low <= number < high or (closed and number == high)):
        end = ']' if closed else ')'
        raise ValueError(f'{name} must be a number in [{low}, {high}{end}, got {value!r}')
    return number


def scale_factors(name: str, values: Any) -> tuple[float, ...]:
    """Factors of a picture's size as floats.

    Args:
        name (str): The argument's, for the message.
        values (Any): What was given: a list of numbers.

    Raises:
        ValueError: There is none, one is not positive and finite, or one comes twice; or they are
            no list of numbers.
    """
    try:
        factors = () if isinstance(values, str) else tuple(float(value) for value in values)
    except (TypeError, ValueError):
        factors = ()
    good = factors and all(0 < factor < inf for factor in factors)
    if not good or len(set(factors)) < len(factors):
        raise ValueError(f'{name}={values!r}: a list of different positive factors is needed')
    return factors


def two_sides(value: Any) -> tuple[int, int] | None:
    """Two sides in pixels.

    Args:
        value (Any): What was given: a whole number for both, or two of them.

    Returns:
        tuple[int, int] | None: None where it is something else, or a side is no pixel.
    """
    try:
        sides = (value, value) if is_single(value) else tuple(value)
        return tuple(whole_number('', side, 1) for side in sides) if len(sides) == 2 else None
    except ValueError:
        return None
