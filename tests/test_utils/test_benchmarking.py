"""Timing in turn, by a clock of our own, and the facts about the machine."""

import json

import mmengine
import pytest
import torch
from mmengine.config import Config
from mmpretrain.structures import DataSample
from tiny import tiny_model_cfg

from bas_mm.utils import benchmarking

CPU = torch.device('cpu')
MIB = 2**20


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


def test_ratio_of_rounds():
    """Of each round's ratio, not the ratio of medians (2)."""
    ratio = benchmarking.ratio_of_rounds([1.0, 4.0, 6.0], [1.0, 1.0, 2.0])
    assert ratio == dict(median=3.0, min=1.0, max=4.0)
    assert benchmarking.ratio_cells(ratio) == ['3.000', '1.000 – 4.000']
    with pytest.raises(ValueError):
        benchmarking.ratio_of_rounds([1.0], [1.0, 2.0])


def test_peak_bytes():
    """Two tensors at a time at most, beside the one that was there before."""
    before = torch.zeros(3 * MIB, dtype=torch.uint8)

    def work():
        a = torch.zeros(8 * MIB, dtype=torch.uint8)
        b = torch.zeros(4 * MIB, dtype=torch.uint8)
        del a
        c = before + 1
        del b
        return torch.cat([c, c])

    assert benchmarking.peak_bytes(work, CPU) == 12 * MIB
    assert benchmarking.peak_bytes(lambda: before.max() and None, CPU) < 100


def test_peak_bytes_of_a_backward_pass():
    """What the backward pass allocates counts too."""

    class Scratch(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x + 1

        @staticmethod
        def backward(ctx, gradient):
            torch.zeros(2 * MIB)
            return gradient

    x = torch.zeros((), requires_grad=True)
    peak = benchmarking.peak_bytes(lambda: Scratch.apply(x).backward(), CPU)
    assert 8 * MIB <= peak < 8 * MIB + 200


def test_held_bytes():
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5))
    model.append(model[0])  # shared: counted once
    weights = 4 * (15 + 5 + 4 * 5) + 8  # the norm counts its batches in int64
    assert benchmarking.held_bytes(model) == weights
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    assert benchmarking.held_bytes(model, optimizer) == weights
    model[1](model[0](torch.ones(2, 3))).sum().backward()
    optimizer.step()
    assert benchmarking.held_bytes(model, optimizer) == weights + 4 * (15 + 5 + 2 * 5)


def test_without_weights():
    """No checkpoint is read, and another number of classes reaches all that depends on it."""
    cfg = Config(dict(model=tiny_model_cfg(topk=4, threshold=0.1), load_from='no/such/file.pth'))
    cfg.model.backbone.init_cfg = dict(type='PretrainedBackbone', checkpoint='no/such/file.pth')
    assert benchmarking.without_weights(cfg, 3) is cfg
    assert cfg.load_from is None
    model = benchmarking.build_model(cfg)
    scores, maps = model(torch.rand(1, 3, 32, 32))
    assert scores.shape == (1, 3)
    assert maps.shape[:2] == (1, 3)
    assert model.test_cfg.topk == 3


def test_collate_of():
    items = [dict(inputs=torch.zeros(3, 2, 2), data_samples=DataSample()) for _ in range(2)]
    default = benchmarking.collate_of(dict(collate_fn=dict(type='default_collate')))
    assert default(items)['inputs'].shape == (2, 3, 2, 2)
    assert isinstance(benchmarking.collate_of({})(items)['inputs'], list)
