"""CUDA's kernels of batch norms, written out for the CPU, with what they ask of their arguments."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from bas_mm.models.functional import synchronised_norm


def _wide(dtype):
    return torch.promote_types(dtype, torch.float32)


def _assert_dense(*tensors):
    formats = (torch.contiguous_format, torch.channels_last)
    assert all(any(t.is_contiguous(memory_format=f) for f in formats) for t in tensors)


def _assert_wide(x, *tensors):
    assert {t.dtype for t in tensors} == {_wide(x.dtype)}


def _columns(*vectors):
    return [v[None, :, None, None] for v in vectors]


def _stats(x, eps):
    _assert_dense(x)
    points = x.to(_wide(x.dtype)).transpose(0, 1).flatten(1)
    variance = ((points - points.mean(1, keepdim=True)) ** 2).mean(1)
    return points.mean(1), 1 / (variance + eps).sqrt()


def _gather_stats(typed, means, invstds, running_mean, running_var, momentum, eps, counts):
    typed = typed if running_mean is None else running_mean
    assert counts.dtype == typed.dtype
    assert counts.shape == means.shape[:1]
    _assert_wide(typed, means, invstds)
    assert counts.isfinite().all()
    counts = counts.to(means.dtype)[:, None]
    m = counts.sum()
    mean = (means * counts).sum(0) / m
    variance = ((invstds**-2 - eps + (means - mean) ** 2) * counts).sum(0) / m
    for running, new in ((running_mean, mean), (running_var, variance * m / (m - 1))):
        if running is not None:
            running.copy_((1 - momentum) * running + momentum * new)
    return mean, 1 / (variance + eps).sqrt()


def _elemt(x, weight, bias, mean, invstd, eps):
    _assert_dense(x)
    _assert_wide(x, mean, invstd)
    for parameter in (weight, bias):
        assert parameter is None or parameter.dtype in (x.dtype, mean.dtype)
    scale = invstd if weight is None else invstd * weight
    y = (x.to(mean.dtype) - _columns(mean)[0]) * _columns(scale)[0]
    return (y if bias is None else y + _columns(bias)[0]).to(x.dtype)


def _backward_reduce(grad, x, mean, invstd, weight, input_g, weight_g, bias_g):
    _assert_dense(grad, x)
    assert grad.dtype == x.dtype
    _assert_wide(x, mean, invstd, *([] if weight is None else [weight]))
    grad = grad.to(mean.dtype)
    sum_dy = grad.sum((0, 2, 3))
    sum_dy_xmu = (grad * (x.to(mean.dtype) - _columns(mean)[0])).sum((0, 2, 3))
    unknown = torch.full_like(sum_dy, torch.nan)  # where torch's kernel returns nothing
    return (
        sum_dy if input_g else unknown,
        sum_dy_xmu if input_g else unknown,
        sum_dy_xmu * invstd if weight_g else unknown,
        # Without weights the kernel has no place for it.
        sum_dy if bias_g and weight is not None else unknown[:0],
    )


def _backward_elemt(grad, x, mean, invstd, weight, sum_dy, sum_dy_xmu, counts):
    _assert_dense(grad, x)
    assert counts.dtype == torch.int32
    assert counts.is_contiguous()
    m = counts.sum()
    scale = invstd if weight is None else invstd * weight
    mean, scale, mean_dy, slope = _columns(mean, scale, sum_dy / m, invstd**2 * sum_dy_xmu / m)
    centred = x.to(mean.dtype) - mean
    return ((grad.to(mean.dtype) - mean_dy - centred * slope) * scale).to(x.dtype)


@contextmanager
def kernels_on_cpus() -> Iterator[None]:
    """Let synchronised norms take the way of CUDA: torch's dispatcher finds these kernels."""
    with (
        torch.library._scoped_library('aten', 'IMPL') as library,
        pytest.MonkeyPatch.context() as m,
    ):
        for name, function in (
            ('batch_norm_stats', _stats),
            ('batch_norm_gather_stats_with_counts', _gather_stats),
            ('batch_norm_elemt', _elemt),
            ('batch_norm_backward_reduce', _backward_reduce),
            ('batch_norm_backward_elemt', _backward_elemt),
        ):
            library.impl(name, function, 'CPU')
        m.setattr(synchronised_norm, '_has_kernels', lambda x: True)
        yield
