"""The clock of parts, by a time of our own."""

import pytest
import torch

from bas_mm.benchmarking import part_clock
from bas_mm.benchmarking.part_clock import PartClock, replaced


@pytest.fixture
def time(monkeypatch):
    class Time:
        now = 100.0
        perf_counter = staticmethod(lambda: Time.now)

    monkeypatch.setattr(part_clock, 'time', Time)
    return Time


class Worker:
    """Each method takes some seconds."""

    def __init__(self, time):
        self.time = time

    def inner(self, seconds):
        self.time.now += seconds
        return 'inner'

    def outer(self, seconds):
        self.time.now += 1
        result = self.inner(seconds)
        self.time.now += 2
        return result


def test_each_moment_belongs_to_one_part(time):
    clock, worker = PartClock(torch.device('cpu')), Worker(time)
    with clock.watching([('in', worker, 'inner'), ('out', worker, 'outer')]):
        time.now += 10
        assert worker.outer(seconds=5) == 'inner'
        assert worker.inner(7) == 'inner'
        time.now += 20
    assert clock.seconds == {'rest': 30, 'out': 3, 'in': 12}
    # Time outside is nobody's, and the object has its methods back.
    worker.outer(100)
    with clock.part('in'):
        time.now += 1
    assert clock.seconds == {'rest': 30, 'out': 3, 'in': 13}
    assert set(vars(worker)) == {'time'}


def test_after_an_error(time):
    clock, worker = PartClock(torch.device('cpu')), Worker(time)
    with (
        pytest.raises(TypeError),
        clock.watching([('in', worker, 'inner'), ('out', worker, 'outer')]),
    ):
        worker.outer('no number')
    assert clock.seconds == {'rest': 0, 'out': 1, 'in': 0}
    assert set(vars(worker)) == {'time'}


def test_replaced_gives_back_what_was_there(time):
    worker = Worker(time)
    worker.inner = own = lambda seconds: 'own'
    with replaced(worker, 'inner', lambda seconds: 'other'):
        assert worker.outer(0) == 'other'
    assert worker.inner is own


def test_modules():
    """A module's forward is replaced for calls of the module."""
    layer = torch.nn.Linear(2, 2)
    clock = PartClock(torch.device('cpu'))
    with clock.watching([('layer', layer, 'forward')]):
        output = layer(torch.ones(1, 2))
    assert torch.equal(output, layer(torch.ones(1, 2)))
    assert set(clock.seconds) == {'rest', 'layer'}
    assert 'forward' not in vars(layer)
