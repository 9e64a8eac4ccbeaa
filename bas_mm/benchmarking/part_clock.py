"""Where the time of a call goes, by parts that are told from the methods it runs through."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING

from .device import synchronise

if TYPE_CHECKING:
    import torch

__all__ = ['PartClock', 'replaced']


class PartClock:
    """A clock that books each moment to one part: the innermost that is going on.

    So the parts add up to the whole. On a GPU the device is waited for wherever a part begins or
    ends, and its share is the time of its kernels; without that the host would go on meanwhile,
    and the whole takes a little longer for it.

    Args:
        device (torch.device): what is waited for.

    Attributes:
        seconds (dict[str, float]): by part, summed up.
    """

    #: Part of the time in none of the others.
    REST = 'rest'

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._last = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Book what runs inside to a part."""
        self._book()
        self._running.append(name)
        try:
            yield
        finally:
            self._book()
            self._running.pop()

    def _book(self) -> None:
        synchronise(self.device)
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._last
        self._last = now

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, booked to a part whenever it is called."""

        @wraps(function)
        def booked(*args, **kwargs) -> object:
            with self.part(name):
                return function(*args, **kwargs)

        return booked

    @contextmanager
    def watching(self, methods: Sequence[tuple[str, object, str]]) -> Iterator[None]:
        """Book all that runs inside, methods of some objects to parts of their own.

        Args:
            methods (Sequence[tuple[str, object, str]]): part, object and method's name.
        """
        with ExitStack() as stack:
            for name, owner, method in methods:
                function = self.timed(name, getattr(owner, method))
                stack.enter_context(replaced(owner, method, function))
            stack.enter_context(self.part(self.REST))
            yield


@contextmanager
def replaced(owner: object, name: str, function: Callable) -> Iterator[None]:
    """One object's method is another function for a while.

    Args:
        owner (object): the object; its class is left alone.
        name (str): the method's name.
        function (Callable): called with the method's arguments but ``self``.
    """
    own = vars(owner)
    had, before = name in own, own.get(name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)
