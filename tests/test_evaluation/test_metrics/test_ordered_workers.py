"""Work in this process and in others."""

import math
import signal

import pytest

from bas_mm.evaluation.metrics.ordered_workers import OrderedWorkers

JOBS = [(f'p{i}', (float(i),)) for i in range(50)]
RESULTS = [(f'p{i}', math.sqrt(i)) for i in range(50)]


def test_in_this_process():
    workers = OrderedWorkers(0)
    workers.submit(math.sqrt, JOBS[:3])
    workers.submit(math.sqrt, JOBS[3:])
    assert list(workers.finished()) == RESULTS
    assert list(workers.finished(everything=True)) == []
    with pytest.raises(ValueError, match=r'^bad: math domain'):
        workers.submit(math.sqrt, [*JOBS[:2], ('bad', (-1.0,))])


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
