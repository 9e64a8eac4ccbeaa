"""Advice for a mistyped name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

__all__ = ['close_names', 'like_clause']


def close_names(name: str, names: Iterable[str], cutoff: float = 0.6) -> list[str]:
    """Up to three names that resemble one, the most similar first.

    Args:
        name (str): The mistyped one.
        names (Iterable[str]): Those that there are.
        cutoff (float): How similar they must be, in [0, 1], as :mod:`difflib` measures it.
            Defaults to 0.6.

    Examples:
        >>> close_names('intervall', ['interval', 'by_epoch'])
        ['interval']
    """
    return get_close_matches(name, names, n=3, cutoff=cutoff)


def like_clause(name: str, names: Mapping[str, str]) -> str:
    """A clause with the likest names: those by which they are called, of those that they have.

    Args:
        name (str): The mistyped one.
        names (Mapping[str, str]): What each name is called by.

    Returns:
        str: To be appended to a message; empty where none is like it.

    Examples:
        >>> like_clause('intervall', {'interval': 'interval'})
        '; like it are interval'
        >>> like_clause('x', {'interval': 'interval'})
        ''
    """
    close = close_names(name, sorted(names))
    return f'; like it are {", ".join(names[other] for other in close)}' if close else ''
