"""Advice for a mistyped name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

__all__ = ['like_clause']


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
    close = get_close_matches(name, sorted(names), n=3)
    return f'; like it are {", ".join(names[other] for other in close)}' if close else ''
