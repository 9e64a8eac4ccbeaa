"""Synchronised batch norm against plain batch norm, where both are the same."""

import pytest
import torch
import torch.nn.functional as F
from twins import pretend_a_twin

from bas_mm.models.functional import synchronised_batch_norm, synchronised_norm
from bas_mm.models.functional.synchronised_norm import moments, pooled_moments

EPS = 1e-3


def test_pooled_moments_are_those_of_all_points():
    generator = torch.Generator().manual_seed(0)
    # Means far apart beside the spread: what E[x²] - µ² would lose.
    batches = [
        torch.randn(n, 3, 2, 5, generator=generator) + shift
        for n, shift in ((1, 1000.0), (4, 1003.0), (2, 998.0))
    ]
    means, variances = zip(*(moments(x, EPS) for x in batches))
    counts = torch.tensor([[x.numel() / 3] for x in batches])
    mean, variance, count = pooled_moments(torch.stack(means), torch.stack(variances), counts)
    points = torch.cat(batches).double().transpose(0, 1).flatten(1)
    assert count == points.shape[1]
    torch.testing.assert_close(mean.double(), points.mean(1), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance.double(), points.var(1, correction=0), rtol=1e-4, atol=0)


def _assert_dense(*tensors):
    formats = (torch.contiguous_format, torch.channels_last)
    assert all(any(t.is_contiguous(memory_format=f) for f in formats) for t in tensors)


def _stats(x, eps):
    _assert_dense(x)
    points = x.float().transpose(0, 1).flatten(1)
    variance = ((points - points.mean(1, keepdim=True)) ** 2).mean(1)
    return points.mean(1), 1 / (variance + eps).sqrt()


def _elemt(x, weight, bias, mean, invstd, eps):
    _assert_dense(x)
    assert mean.dtype == invstd.dtype == torch.float32
    columns = [p[None, :, None, None] for p in (mean, invstd, weight.float(), bias.float())]
    return ((x.float() - columns[0]) * columns[1] * columns[2] + columns[3]).to(x.dtype)


def _backward_reduce(grad, x, mean, invstd, weight, input_g, weight_g, bias_g):
    _assert_dense(grad, x)
    assert grad.dtype == x.dtype
    assert mean.dtype == invstd.dtype == weight.dtype == torch.float32
    grad = grad.float()
    sum_dy = grad.sum((0, 2, 3))
    sum_dy_xmu = (grad * (x.float() - mean[None, :, None, None])).sum((0, 2, 3))
    unknown = torch.full_like(sum_dy, torch.nan)  # where torch's kernel returns nothing
    return (
        sum_dy if input_g else unknown,
        sum_dy_xmu if input_g else unknown,
        sum_dy_xmu * invstd if weight_g else unknown,
        sum_dy if bias_g else unknown,
    )


def _backward_elemt(grad, x, mean, invstd, weight, sum_dy, sum_dy_xmu, count):
    _assert_dense(grad, x)
    assert count.dtype == torch.int32
    assert count.ndim == 1
    m = count.sum()
    mean, invstd, weight, sum_dy, sum_dy_xmu = (
        p[None, :, None, None] for p in (mean, invstd, weight, sum_dy, sum_dy_xmu)
    )
    inner = grad.float() - sum_dy / m - (x.float() - mean) * invstd**2 * sum_dy_xmu / m
    return (inner * invstd * weight).to(x.dtype)


@pytest.fixture(params=['operators', 'kernels'])
def way(request, monkeypatch):
    """Both ways of the file; CUDA's kernels as torch's dispatcher takes them, written out above."""
    if request.param == 'operators':
        yield
        return
    with torch.library._scoped_library('aten', 'IMPL') as library:
        for name, function in (
            ('batch_norm_stats', _stats),
            ('batch_norm_elemt', _elemt),
            ('batch_norm_backward_reduce', _backward_reduce),
            ('batch_norm_backward_elemt', _backward_elemt),
        ):
            library.impl(name, function, 'CPU')
        monkeypatch.setattr(synchronised_norm, '_has_kernels', lambda x: True)
        yield


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
    y, mean, variance, count = synchronised_batch_norm(x, weight, bias, EPS)
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
    assert count == 2 * points.shape[1]
    torch.testing.assert_close(mean.double(), points.mean(1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(variance.double(), points.var(1, correction=0), rtol=1e-5, atol=0)
    assert not any(t.requires_grad for t in (mean, variance, count))


def test_any_strides_and_weights_of_half_precision(way, monkeypatch):
    """A part of a larger tensor, and the gradient of a sum, which is one number all over."""
    pretend_a_twin(monkeypatch)
    results = []
    for dense in (True, False):
        x, weight, bias, _ = _leaves(torch.bfloat16, torch.contiguous_format)
        weight, bias = (p.detach().bfloat16().requires_grad_() for p in (weight, bias))
        part = x[..., ::2].contiguous() if dense else x[..., ::2]
        assert part.is_contiguous() is dense
        y, *_ = synchronised_batch_norm(part, weight, bias, EPS)
        y.backward(torch.ones_like(y) if dense else y.new_ones(()).expand(y.shape))
        results.append([y.detach(), x.grad, weight.grad, bias.grad])
    for whole, strided in zip(*results):
        assert strided.dtype == torch.bfloat16
        assert torch.equal(whole, strided)
    assert bias.grad.tolist() == [4 * 5 * 2] * 6


def test_a_bias_without_weights(monkeypatch):
    pretend_a_twin(monkeypatch)
    x, _, bias, grad = _leaves(torch.float32, torch.contiguous_format)
    y, *_ = synchronised_batch_norm(x, None, bias, EPS)
    y.backward(grad)
    expected = F.batch_norm(x.detach(), None, None, None, bias.detach(), True, 0, EPS)
    torch.testing.assert_close(y.detach(), expected)
    torch.testing.assert_close(bias.grad, grad.sum((0, 2, 3)))


def test_frozen_weights_get_no_gradient_and_input_all_of_it(way, monkeypatch):
    """As in the pass of the Activation Map Constraint; and a frozen input costs no exchange."""
    pretend_a_twin(monkeypatch)
    x, weight, bias, grad = _leaves(torch.float32, torch.contiguous_format)
    y, *_ = synchronised_batch_norm(x, weight, bias, EPS)
    (expected,) = torch.autograd.grad(y, x, grad)
    y, *_ = synchronised_batch_norm(x, weight.detach(), bias.detach(), EPS)
    y.backward(grad)
    assert torch.equal(x.grad, expected)
    assert weight.grad is None

    monkeypatch.setattr(torch.distributed, 'all_reduce', lambda tensor: pytest.fail('exchanged'))
    y, *_ = synchronised_batch_norm(x.detach(), weight, bias, EPS)
    y.backward(grad)
    assert weight.grad.isfinite().all()
    assert bias.grad.isfinite().all()


def test_gradient_against_differences(monkeypatch):
    """Both processes have the same x and the same loss, so that x moves in both at once."""
    pretend_a_twin(monkeypatch)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, dtype=torch.double, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: synchronised_batch_norm(x, None, None, EPS)[0] ** 3, x
    )
