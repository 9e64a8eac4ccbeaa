"""Judging of arguments that people give: what makes no sense is one ValueError with its name."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ['in_range', 'is_single', 'whole_number']


def is_single(value: Any) -> bool:
    """Whether a value is one thing, a name or a number, and not several."""
    return (
        isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, 'ndim', 1) == 0
    )


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
