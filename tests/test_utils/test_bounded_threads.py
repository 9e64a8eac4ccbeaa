"""Work in threads: its order, how much of it waits, and its errors."""

import time
from threading import Barrier, Event, Timer, active_count, get_ident

import pytest

from bas_mm.utils import bounded_threads
from bas_mm.utils.bounded_threads import BoundedThreads, map_in_threads


def test_order_and_limit():
    first, others, done = Event(), [], []
    with BoundedThreads(2) as threads:
        threads.submit(lambda: first.wait(10) and 0)
        for number in range(1, 4):
            threads.submit(lambda number=number: others.append(get_ident()) or number)
            # It comes before the others, and four may wait.
            assert list(threads.finished()) == []
        threads.submit(first.set)
        # Five may not: it waits for the first.
        assert next(threads.finished()) == 0
        done += threads.finished(everything=True)
    assert done == [1, 2, 3, None]
    assert get_ident() not in others


def test_after_an_error_nothing_more_is_finished():
    began, go_on, late = Event(), Event(), []
    with BoundedThreads(1) as threads:
        threads.submit(lambda: 1)
        threads.submit(lambda: 1 / 0)
        threads.submit(lambda: began.set() or go_on.wait(10))
        threads.submit(late.append, 1)
        results = threads.finished(everything=True)
        assert next(results) == 1
        began.wait(10)
        with pytest.raises(ZeroDivisionError):
            next(results)
        assert list(threads.finished(everything=True)) == []
        go_on.set()
    assert not late


def test_an_error_beside_it_drops_what_waits():
    began, go_on, late = Event(), Event(), []

    def leave() -> None:
        with BoundedThreads(1) as threads:
            threads.submit(lambda: began.set() or go_on.wait(10))
            threads.submit(late.append, 1)
            began.wait(10)
            threads.submit(late.append, 2)
            Timer(0.05, go_on.set).start()
            raise KeyError

    with pytest.raises(KeyError):
        leave()
    assert not late


@pytest.mark.parametrize('count', [0, 1, 32, 33, 1000])
def test_map_in_threads(count):
    threads = active_count()
    assert map_in_threads(str, range(count)) == list(map(str, range(count)))
    # Worker processes may be forked off now. A thread of an earlier test may have ended meanwhile.
    assert active_count() <= threads


def test_calls_wait_at_the_same_time(monkeypatch):
    monkeypatch.setattr(bounded_threads, '_TOGETHER', 1)
    together = Barrier(8)
    assert len(map_in_threads(lambda _: together.wait(30), range(16))) == 16


def test_the_first_items_error_is_the_one_raised():
    seen, threads = [], active_count()

    def work(number: int) -> None:
        seen.append(number)
        if number == 70:
            time.sleep(0.2)  # the other one is first
        if number >= 70:
            raise ValueError(number)

    with pytest.raises(ValueError, match='^70$'):
        map_in_threads(work, range(100_000))
    assert len(seen) < 5000
    assert active_count() <= threads
