"""Synchronised batch norm against plain batch norm, where both are the same."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from norm_kernels import kernels_on_cpus
from torch.utils._python_dispatch import TorchDispatchMode
from twins import pretend_a_twin

from bas_mm.models.functional import synchronised_batch_norm
from bas_mm.models.functional.synchronised_norm import moments, pooled_moments

EPS = 1e-3


def test_pooled_moments_are_those_of_all_points():
    generator = torch.Generator().manual_seed(0)
    # Means far apart beside the spread: what E[x²] - µ² would lose.
    batches = [
        torch.randn(n, 3, 2, 5, generator=generator) + shift
        for n, shift in ((1, 1000.0), (4, 1003.0), (2, 998.0))
    ]
    means, variances = zip(*(moments(x) for x in batches))
    counts = torch.tensor([[x.numel() / 3] for x in batches])
    mean, variance, count = pooled_moments(torch.stack(means), torch.stack(variances), counts)
    points = torch.cat(batches).double().transpose(0, 1).flatten(1)
    assert count == points.shape[1]
    torch.testing.assert_close(mean.double(), points.mean(1), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance.double(), points.var(1, correction=0), rtol=1e-4, atol=0)


@pytest.fixture(params=['operators', 'kernels'])
def way(request):
    """Both ways of the file."""
    with kernels_on_cpus() if request.param == 'kernels' else nullcontext():
        yield request.param


def _leaves(dtype, layout):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 6, 5, 3, generator=generator) * 2 + 1
    weight = torch.rand(6, generator=generator) + 0.5
    bias = torch.randn(6, generator=generator)
    grad = torch.randn(4, 6, 5, 3, generator=generator).to(dtype)
    x = x.to(dtype).contiguous(memory_format=layout)
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), grad


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last], ids=str)
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16], ids=str)
def test_two_equal_batches_are_normalised_as_one_of_them(way, monkeypatch, dtype, layout):
    pretend_a_twin(monkeypatch)
    x, weight, bias, grad = _leaves(dtype, layout)
    running = torch.zeros(2, 6)
    y = synchronised_batch_norm(x, weight, bias, EPS, running.unbind(), share=1.0)
    y.backward(grad)
    ours = [y.detach(), x.grad, weight.grad, bias.grad]
    assert [t.dtype for t in ours] == [dtype, dtype, torch.float32, torch.float32]
    assert [t.is_contiguous(memory_format=layout) for t in ours[:2]] == [True, True]

    x, weight, bias, grad = _leaves(dtype, layout)
    wide = x.detach().double().requires_grad_()
    expected = F.batch_norm(wide, None, None, weight.double(), bias.double(), True, 0, EPS)
    expected.backward(grad.double())
    rtol, atol = (1e-5, 1e-5) if dtype == torch.float32 else (1e-2, 1e-2)
    for got, want in zip(ours, [expected.detach(), wide.grad, weight.grad, bias.grad]):
        torch.testing.assert_close(got.double(), want.double(), rtol=rtol, atol=atol)
    points = wide.detach().transpose(0, 1).flatten(1)
    mean, variance = running.double()
    unbiased = torch.cat([points, points], 1).var(1)
    torch.testing.assert_close(mean, points.mean(1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(variance, unbiased, rtol=1e-5, atol=0)


@pytest.mark.parametrize('share', [0.3, torch.tensor(0.3)], ids=['of the host', 'of the device'])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16], ids=str)
def test_running_statistics(way, monkeypatch, dtype, share):
    """Of whatever type they are, and however x is rounded; without a gradient."""
    pretend_a_twin(monkeypatch)
    x, weight, bias, _ = _leaves(torch.bfloat16, torch.contiguous_format)
    running = torch.full((6,), 3.0, dtype=dtype), torch.full((6,), 7.0, dtype=dtype)
    synchronised_batch_norm(x, weight, bias, EPS, running, share)
    points = x.detach().double().transpose(0, 1).flatten(1)
    expected = points.mean(1), torch.cat([points, points], 1).var(1)
    rtol = 1e-5 if dtype == torch.float32 else 1e-3
    for average, new, before in zip(running, expected, (3.0, 7.0)):
        assert average.dtype == dtype
        assert not average.requires_grad
        moved = before + 0.3 * (new - before)
        torch.testing.assert_close(average.double(), moved, rtol=rtol, atol=1e-6)


def test_more_points_than_float16_can_count(way, monkeypatch):
    """As in the frozen pass, which moves no running statistics, in mixed precision."""
    pretend_a_twin(monkeypatch)
    x = torch.randn(1, 2, 300, 300, generator=torch.Generator().manual_seed(0)).half()
    y = synchronised_batch_norm(x, None, None, EPS)
    expected = F.batch_norm(x.float(), None, None, training=True, eps=EPS)
    torch.testing.assert_close(y.float(), expected, rtol=1e-2, atol=1e-3)


class _Operators(TorchDispatchMode):
    """Notes what runs and is no mere view."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        found = operator(*args, **(kwargs or {}))
        name = operator.overloadpacket.__name__
        if not name.startswith('new_empty') and not operator.is_view:
            self.names.append(name)
        return found


@pytest.mark.parametrize('frozen', [False, True])
def test_kernels_of_a_norm(monkeypatch, frozen):
    """On a GPU each costs the host a launch: one of them merges and records the statistics."""
    pretend_a_twin(monkeypatch)
    x, weight, bias, grad = _leaves(torch.float32, torch.contiguous_format)
    running = None if frozen else (torch.zeros(6), torch.ones(6))
    if frozen:
        weight, bias = weight.detach(), bias.detach()
    with kernels_on_cpus():
        with _Operators() as forward:
            y = synchronised_batch_norm(x, weight, bias, EPS, running)
        with _Operators() as backward:
            torch.autograd.backward(y, grad)
    # The copy and the product are the twin's.
    assert forward.names == [
        *('batch_norm_stats', 'new_full', 'cat', 'copy_', 'batch_norm_gather_stats_with_counts'),
        *('_to_copy', 'batch_norm_elemt'),
    ]
    expected = ['batch_norm_backward_reduce', 'cat', 'mul_', 'batch_norm_backward_elemt']
    assert [name for name in backward.names if name != 'detach'] == expected


def test_any_strides_and_weights_of_half_precision(way, monkeypatch):
    """A part of a larger tensor, and the gradient of a sum, which is one number all over."""
    pretend_a_twin(monkeypatch)
    results = []
    for dense in (True, False):
        x, weight, bias, _ = _leaves(torch.bfloat16, torch.contiguous_format)
        weight, bias = (p.detach().bfloat16().requires_grad_() for p in (weight, bias))
        part = x[..., ::2].contiguous() if dense else x[..., ::2]
        assert part.is_contiguous() is dense
        y = synchronised_batch_norm(part, weight, bias, EPS)
        y.backward(torch.ones_like(y) if dense else y.new_ones(()).expand(y.shape))
        results.append([y.detach(), x.grad, weight.grad, bias.grad])
    for whole, strided in zip(*results):
        assert strided.dtype == torch.bfloat16
        assert torch.equal(whole, strided)
    assert bias.grad.tolist() == [4 * 5 * 2] * 6


def test_a_bias_without_weights(way, monkeypatch):
    pretend_a_twin(monkeypatch)
    x, _, bias, grad = _leaves(torch.float32, torch.contiguous_format)
    y = synchronised_batch_norm(x, None, bias, EPS)
    y.backward(grad)
    expected = F.batch_norm(x.detach(), None, None, None, bias.detach(), True, 0, EPS)
    torch.testing.assert_close(y.detach(), expected)
    torch.testing.assert_close(bias.grad, grad.sum((0, 2, 3)))


def test_weights_of_another_type_than_the_pictures(way, monkeypatch):
    pretend_a_twin(monkeypatch)
    x, weight, bias, grad = _leaves(torch.float32, torch.contiguous_format)
    y = synchronised_batch_norm(x, weight, bias, EPS)
    y.backward(grad)
    narrow = [p.detach().bfloat16().requires_grad_() for p in (weight, bias)]
    exact = [p.detach().float() for p in narrow]
    y = synchronised_batch_norm(x.detach(), *narrow, EPS)
    assert torch.equal(y, synchronised_batch_norm(x.detach(), *exact, EPS))
    y.backward(grad)
    for own, wide in zip(narrow, (weight, bias)):
        assert torch.equal(own.grad, wide.grad.bfloat16())


def test_frozen_weights_get_no_gradient_and_input_all_of_it(way, monkeypatch):
    """As in the pass of the Activation Map Constraint; and a frozen input costs no exchange."""
    pretend_a_twin(monkeypatch)
    x, weight, bias, grad = _leaves(torch.float32, torch.contiguous_format)
    y = synchronised_batch_norm(x, weight, bias, EPS)
    (expected,) = torch.autograd.grad(y, x, grad)
    y = synchronised_batch_norm(x, weight.detach(), bias.detach(), EPS)
    y.backward(grad)
    assert torch.equal(x.grad, expected)
    assert weight.grad is None

    monkeypatch.setattr(torch.distributed, 'all_reduce', lambda tensor: pytest.fail('exchanged'))
    y = synchronised_batch_norm(x.detach(), weight, bias, EPS)
    y.backward(grad)
    assert weight.grad.isfinite().all()
    assert bias.grad.isfinite().all()


def test_gradient_against_differences(monkeypatch):
    """Both processes have the same x and the same loss, so that x moves in both at once."""
    pretend_a_twin(monkeypatch)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.double, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: synchronised_batch_norm(x, None, None, EPS) ** 3, x)
