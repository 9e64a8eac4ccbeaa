"""Work in threads: its order, how much of it waits, and its errors."""

from threading import Event, Timer, get_ident

import pytest

from bas_mm.utils.bounded_threads import BoundedThreads


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
