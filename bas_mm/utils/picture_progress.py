"""Progress of work over many pictures."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ['PictureProgress']


class _Rate(ProgressColumn):
    """Pictures per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text('' if speed is None else f'{speed:.1f}/s')


class PictureProgress:
    """A bar with rate and time left on a terminal, else a line of text now and then.

    Use as a context manager. Lines go to ``say``, the bar to ``console``.

    Args:
        what (str): What is being done.
        total (int): How many pictures there are.
        say (Callable[[str], None], optional): Takes the lines where stderr is no terminal.
            Defaults to None: they are printed to stderr.
        every (float): Seconds between two lines. Defaults to 10.
        show (bool): Whether anything is shown. Defaults to True.
        console (Console, optional): Where the bar is, below what is printed there meanwhile.
            Defaults to None: stderr.
    """

    def __init__(
        self,
        what: str,
        total: int,
        say: Callable[[str], None] | None = None,
        every: float = 10.0,
        show: bool = True,
        console: Console | None = None,
    ) -> None:
        self.what, self.total, self.every = what, total, every
        self.done = 0
        self._say = say or (lambda line: print(line, file=sys.stderr, flush=True))
        self._bar, self._lines = None, show
        console = console or Console(stderr=True)
        if show and console.is_terminal:
            self._lines = False
            self._bar = Progress(
                '{task.description}',
                BarColumn(),
                MofNCompleteColumn(),
                _Rate(),
                TimeRemainingColumn(),
                console=console,
            )

    def __enter__(self) -> PictureProgress:
        self._begin = self._last = time.monotonic()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self.what, total=self.total)
        return self

    def __exit__(self, *_) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif self._lines and self.done:
            self._line()

    def advance(self, count: int = 1) -> None:
        """So many more pictures are done."""
        self.done += count
        if self._bar is not None:
            self._bar.advance(self._task, count)
        elif self._lines and time.monotonic() - self._last >= self.every:
            self._line()

    def _line(self) -> None:
        self._last = time.monotonic()
        rate = self.done / max(self._last - self._begin, 1e-9)
        left = round((self.total - self.done) / rate)
        clock = f'{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}'
        self._say(f'{self.what}: {self.done}/{self.total}, {rate:.1f}/s, {clock} left')
