"""Timing in turn, by a clock of our own, and the facts about the machine."""

import json

import mmengine
import torch

from bas_mm.utils import benchmarking


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

    monkeypatch.setattr(benchmarking, 'time', Clock)
    rows = benchmarking.in_turn(
        3, a=work('a', iter([4.0, 1.0, 2.0])), b=work('b', iter([8.0, 16.0, 32.0]))
    )
    assert calls == ['a', 'b'] * 3
    assert rows == dict(
        a=dict(median=2.0, best=1.0, core=1.0), b=dict(median=16.0, best=8.0, core=8.0)
    )


def test_machine_facts():
    facts = benchmarking.machine_facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts['cpu']
    assert facts['cores'] >= 1
    assert facts['threads'] == torch.get_num_threads()
    assert facts['versions']['torch'] == torch.__version__
    assert facts['versions']['mmengine'] == mmengine.__version__
    if not torch.cuda.is_available():
        assert facts['device'] == 'cpu'
