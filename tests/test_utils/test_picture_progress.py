"""Progress on a terminal and without one."""

import io
import time

import pytest
from rich.console import Console

from bas_mm.utils import picture_progress
from bas_mm.utils.picture_progress import PictureProgress


@pytest.fixture
def terminal(monkeypatch) -> io.StringIO:
    """What a terminal of 80 columns is sent."""
    shown = io.StringIO()
    monkeypatch.setattr(
        picture_progress, 'Console', lambda **_: Console(file=shown, force_terminal=True, width=80)
    )
    return shown


def test_a_bar(terminal):
    with PictureProgress('Seeds', 5, pytest.fail) as bar:
        bar.advance()
        bar.advance(4)
    assert bar.done == 5
    last = terminal.getvalue().rstrip('\x1b[?25h\n').splitlines()[-1]
    assert 'Seeds' in last
    assert '5/5' in last
    assert '/s' in last


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
