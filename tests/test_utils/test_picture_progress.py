"""Progress on a terminal and without one."""

import io
import re
import time

import pytest
from rich.console import Console

from bas_mm.utils import picture_progress
from bas_mm.utils.picture_progress import PictureProgress


@pytest.fixture(autouse=True)
def colours(monkeypatch):
    """The empty part of a bar is drawn in colour only."""
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.delenv('NO_COLOR', raising=False)


@pytest.fixture
def terminal(monkeypatch) -> io.StringIO:
    """What a terminal of 80 columns is sent."""
    shown = io.StringIO()
    monkeypatch.setattr(
        picture_progress, 'Console', lambda **_: Console(file=shown, force_terminal=True, width=80)
    )
    return shown


def frames(terminal: io.StringIO) -> list[str]:
    """The lines of text that a terminal was sent, one after another."""
    lines = re.sub(r'\x1b\[[\d;?]*[A-Za-z]', '', terminal.getvalue()).replace('\r', '\n')
    return [line.rstrip() for line in lines.split('\n') if line.strip()]


def test_a_bar(terminal):
    with PictureProgress('Seeds', 5, pytest.fail) as bar:
        bar.advance()
        bar.advance(4)
    assert bar.done == 5
    last = frames(terminal)[-1]
    assert re.fullmatch(r'Seeds ━+ 5/5 \d+\.\d/s 0:00:00', last)


def test_a_bar_shows_the_rate_and_the_time_left():
    shown, now = io.StringIO(), [100.0]
    console = Console(file=shown, force_terminal=True, width=80, get_time=lambda: now[0])
    with PictureProgress('Seeds', 50, pytest.fail, console=console) as bar:
        bar.advance(0)  # a rate needs two points in time
        now[0] += 20
        bar.advance(10)
    # A fifth of the bar is full, and what is left takes four times as long as what is done.
    assert frames(shown)[-1] == f'Seeds {"━" * 8}╺{"━" * 31} 10/50 0.5/s 0:01:20'


def test_a_bar_on_another_terminal(terminal):
    other = io.StringIO()
    console = Console(file=other, force_terminal=True, width=40)
    with PictureProgress('Seeds', 2, pytest.fail, console=console) as bar:
        bar.advance()
        console.out('a line that is longer than the terminal is wide', highlight=False)
        bar.advance()
    assert terminal.getvalue() == ''
    lines = frames(other)
    (place,) = (i for i, line in enumerate(lines) if line.startswith('a line'))
    assert lines[place] == 'a line that is longer than the terminal is wide'
    assert lines[-1].startswith('Seeds ')


def test_no_bar_on_a_console_that_is_no_terminal():
    other, lines = io.StringIO(), []
    with PictureProgress('Seeds', 2, lines.append, console=Console(file=other)) as bar:
        bar.advance(2)
    assert other.getvalue() == ''
    assert len(lines) == 1


def test_nothing_is_shown_where_nothing_shall_be(terminal):
    with PictureProgress('Seeds', 5, pytest.fail, show=False) as bar:
        bar.advance(5)
    assert terminal.getvalue() == ''


def test_lines_without_a_terminal(monkeypatch):
    lines, now = [], [0.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    with PictureProgress('Seeds', 5, lines.append, every=10) as bar:
        for seconds in (4, 10, 12):
            now[0] = seconds
            bar.advance()
        now[0] = 20
    assert lines == ['Seeds: 2/5, 0.2/s, 0:00:15 left', 'Seeds: 3/5, 0.1/s, 0:00:13 left']
