"""Calls on an executor of one's own: how many wait. The rest: the tests of BoundedThreads."""

from concurrent.futures import Executor, Future

import pytest

from bas_mm.utils.ordered_calls import OrderedCalls


class ByHand(Executor):
    """Its calls are finished by the test; a call that is waited for is finished by its number."""

    def __init__(self) -> None:
        self.futures = []

    def submit(self, work, /, *arguments):
        future = _Waited(len(self.futures))
        self.futures.append(future)
        return future


class _Waited(Future):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.waited_for = number, False

    def result(self, timeout=None):
        if not self.done():
            self.waited_for = True
            self.set_result(self.number)
        return super().result(timeout)


@pytest.mark.parametrize('ahead', [0, 1, 3])
def test_so_many_calls_wait_and_no_more(ahead):
    executor = ByHand()
    calls = OrderedCalls(executor, ahead)
    for number in range(6):
        calls.submit(print)
        assert list(calls.finished()) == ([number - ahead] if number >= ahead else [])
    waited = [future.waited_for for future in executor.futures]
    assert waited == [True] * (6 - ahead) + [False] * ahead
    assert list(calls.finished(everything=True)) == list(range(6 - ahead, 6))


def test_what_is_done_is_given_at_once_and_in_order():
    executor = ByHand()
    calls = OrderedCalls(executor, 9)
    for _ in range(3):
        calls.submit(print)
    executor.futures[1].set_result('second')
    assert list(calls.finished()) == []
    executor.futures[0].set_result('first')
    assert list(calls.finished()) == ['first', 'second']


def test_what_is_dropped_does_not_begin():
    executor = ByHand()
    calls = OrderedCalls(executor, 9)
    calls.submit(print)
    calls.drop()
    assert executor.futures[0].cancelled()
    assert list(calls.finished(everything=True)) == []
