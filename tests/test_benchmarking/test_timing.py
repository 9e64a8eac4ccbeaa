"""Timing in turn, by a clock of our own."""

import pytest

from bas_mm.benchmarking import timing


def test_in_turn(monkeypatch):
    class Clock:
        wall = core = 0.0
        perf_counter = staticmethod(lambda: Clock.wall)
        process_time = staticmethod(lambda: Clock.core)

    calls = []

    def work(name, durations):
        def function():
            duration = next(durations)
            calls.append(name)
            Clock.wall += duration
            Clock.core += duration / 2

        return function

    monkeypatch.setattr(timing, 'time', Clock)
    rows = timing.in_turn(
        3, a=work('a', iter([4.0, 1.0, 2.0])), b=work('b', iter([8.0, 16.0, 32.0]))
    )
    assert calls == ['a', 'b'] * 3
    assert rows == dict(
        a=dict(median=2.0, best=1.0, core=1.0), b=dict(median=16.0, best=8.0, core=8.0)
    )


def test_ratio_of_rounds():
    """Of each round's ratio, not the ratio of medians (2)."""
    ratio = timing.ratio_of_rounds([1.0, 4.0, 6.0], [1.0, 1.0, 2.0])
    assert ratio == dict(median=3.0, min=1.0, max=4.0)
    assert timing.ratio_cells(ratio) == ['3.000', '1.000 – 4.000']
    with pytest.raises(ValueError):
        timing.ratio_of_rounds([1.0], [1.0, 2.0])


def test_parts_and_shares():
    """Of each part the median over the rounds; parts of a part are not counted twice."""
    rounds = [dict(a=1.0, b=2.0, b_first=1.0), dict(a=5.0, b=4.0, b_first=3.0), dict(a=3.0)]
    found = timing.parts_and_shares(rounds, ['a', 'b', 'none'], ['b_first'])
    assert found == dict(
        seconds=dict(a=3.0, b=2.0, none=0.0, b_first=1.0),
        sum=5.0,
        shares=dict(a=0.6, b=0.4, none=0.0, b_first=0.2),
    )
