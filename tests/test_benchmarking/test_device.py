"""Bytes of functions and models."""

import pytest
import torch

from bas_mm.benchmarking.device import held_bytes, peak_bytes, pin_pictures

CPU = torch.device('cpu')
MIB = 2**20


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

    assert peak_bytes(work, CPU) == 12 * MIB
    assert peak_bytes(lambda: before.max() and None, CPU) < 100


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
    peak = peak_bytes(lambda: Scratch.apply(x).backward(), CPU)
    assert 8 * MIB <= peak < 8 * MIB + 200


def test_held_bytes():
    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5))
    model.append(model[0])  # shared: counted once
    weights = 4 * (15 + 5 + 4 * 5) + 8  # the norm counts its batches in int64
    assert held_bytes(model) == weights
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    assert held_bytes(model, optimizer) == weights
    model[1](model[0](torch.ones(2, 3))).sum().backward()
    optimizer.step()
    assert held_bytes(model, optimizer) == weights + 4 * (15 + 5 + 2 * 5)


@pytest.mark.parametrize('whole', [True, False])
def test_pictures_are_pinned_where_a_loader_does_it(monkeypatch, whole):
    pinned = []
    monkeypatch.setattr(torch.Tensor, 'pin_memory', lambda x: pinned.append(x) or x + 1)
    pictures = torch.zeros(2, 3)
    batch = dict(inputs=pictures if whole else list(pictures))
    pin_pictures(batch, dict(pin_memory=True), CPU)
    pin_pictures(batch, dict(pin_memory=False), torch.device('cuda'))
    pin_pictures(batch, {}, torch.device('cuda'))
    assert not pinned
    pin_pictures(batch, dict(pin_memory=True), torch.device('cuda', 0))
    assert isinstance(batch['inputs'], torch.Tensor if whole else list)
    assert len(pinned) == (1 if whole else 2)
    assert all((x == 1).all() for x in batch['inputs'])
