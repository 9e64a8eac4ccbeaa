"""Values as JSON can have them; those of a config the same in each process."""

from __future__ import annotations

import math
import re
from typing import Any

__all__ = ['plain_number', 'plain_values']


def plain_number(value: float) -> float | None:
    """A number for JSON, which has no NaN: that is None."""
    return None if math.isnan(value) else float(value)


def plain_values(value: Any) -> Any:
    """A copy of dicts, lists and tuples, in which all that JSON does not know is its repr.

    The repr is without what differs from run to run: the place in memory, which a function's has,
    and the order of a set.

    Args:
        value (Any): Settings of a config.

    Returns:
        Any: Dicts, lists, strings, numbers, booleans and None.

    Examples:
        >>> plain_values(dict(size=(8, 4), note=lambda: 1))
        {'size': [8, 4], 'note': '<function <lambda>>'}
        >>> plain_values({'val', 'train'})
        "{'val', 'train'}"
    """
    if isinstance(value, dict):
        return {key: plain_values(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_values(item) for item in value]
    if isinstance(value, (str, int, float, type(None))):
        return value
    if isinstance(value, (set, frozenset)) and value:
        # By length first: whole numbers are in their order, as Python mostly has them.
        items = sorted((repr(plain_values(item)) for item in value), key=lambda x: (len(x), x))
        text = f'{{{", ".join(items)}}}'
        return text if isinstance(value, set) else f'frozenset({text})'
    return re.sub(r' at 0x[0-9a-fA-F]+', '', repr(value))
