"""What recognisers of several kinds ask of an error, and of what a config names."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ['PACKAGE', 'RUNNER', 'constructors_of', 'message_of', 'parameters_of']

PACKAGE = __name__.partition('.')[0]
RUNNER = 'mmengine.runner.runner'


def message_of(error: BaseException) -> str:
    """The text of an error, as it was raised."""
    # A KeyError's text is the repr of its message.
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error).strip()


def constructors_of(kind: Any) -> dict[str, Any]:
    """What is called to make one of a type, by the names that Python's errors give it.

    Of a class its own ``__init__``, and those that this hands arguments on to.
    """
    if not inspect.isclass(kind):
        return {getattr(kind, '__qualname__', ''): kind} if callable(kind) else {}
    functions = {}
    for parent in kind.__mro__:
        if '__init__' not in vars(parent):
            continue
        functions[f'{parent.__name__}.__init__'] = parent.__init__
        functions[getattr(parent.__init__, '__qualname__', '')] = parent.__init__
        if not any(p.kind is p.VAR_KEYWORD for p in parameters_of(parent.__init__)):
            break
    return functions


def parameters_of(function: Any) -> list[inspect.Parameter]:
    """What a function takes; nothing where that is not known."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of some functions in C nothing is known
        return []
