"""Work in this process and in others."""

import math
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bas_mm.evaluation import ordered_workers
from bas_mm.evaluation.ordered_workers import OrderedWorkers

JOBS = [(f'p{i}', (float(i),)) for i in range(50)]
RESULTS = [(f'p{i}', math.sqrt(i)) for i in range(50)]


def test_in_this_process():
    workers = OrderedWorkers(0)
    workers.submit(math.sqrt, JOBS[:3])
    workers.submit(math.sqrt, JOBS[3:])
    assert list(workers.finished()) == RESULTS
    assert list(workers.finished(everything=True)) == []
    workers.submit(math.sqrt, [*JOBS[:2], ('bad', (-1.0,))])
    with pytest.raises(ValueError, match=r'^bad: math domain'):
        list(workers.finished())


@pytest.fixture
def thread(monkeypatch):
    """A thread in place of the worker process, whose start takes a second."""
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(ordered_workers, 'worker_executor', lambda count: pool)
        yield


def test_this_process_does_not_wait_for_the_last_batch(thread):
    """The network goes on while workers are busy with it."""
    workers, go_on = OrderedWorkers(1), threading.Event()
    # The first picture blocks it: for 20 seconds, so that waiting for it fails and does not hang.
    try:
        workers.submit(go_on.wait, [(f'p{i}', (0 if i else 20,)) for i in range(20)])
        assert list(workers.finished()) == []
    finally:
        go_on.set()
    expected = [(f'p{i}', True) for i in range(20)]
    assert list(workers.finished(everything=True)) == expected


def test_this_process_waits_for_workers_that_are_far_behind(thread):
    """Else memory would hold the maps of all pictures."""
    workers, go_on = OrderedWorkers(1), threading.Event()
    for start in range(0, 48, 16):
        workers.submit(go_on.wait, [(f'p{i}', (20,)) for i in range(start, start + 16)])
    threading.Timer(0.2, go_on.set).start()
    # The last batch and a hand-over of 8 may wait.
    assert [name for name, _ in workers.finished()][:24] == [f'p{i}' for i in range(24)]


@pytest.mark.slow
def test_in_other_processes():
    workers = OrderedWorkers(2)
    done = []
    for start in range(0, 50, 20):
        workers.submit(math.sqrt, JOBS[start : start + 20])
        done += workers.finished()
        # What waits is the last batch, and one hand-over per worker.
        assert len(done) >= start - 2 * 8
    assert done + list(workers.finished(everything=True)) == RESULTS
    # They are those that end with this process, to which Ctrl-C is left.
    workers.submit(signal.getsignal, [('a', (signal.SIGINT,))])
    assert list(workers.finished(everything=True)) == [('a', signal.SIG_IGN)]
    workers.submit(math.sqrt, [*JOBS[:2], ('bad', (-1.0,))])
    with pytest.raises(ValueError, match=r'^bad: math domain'):
        list(workers.finished(everything=True))
