"""Batch normalisation by the statistics of the batches of all processes (SyncBN).

In the notation of Ioffe and Szegedy, *Batch Normalization*, 2015, Algorithm 1, with m the points
of one channel in the batches of all processes together::

    µ  = Σ x / m        σ² = Σ (x - µ)² / m        x̂ = (x - µ) / √(σ² + ε)        y = γ·x̂ + β

    ∂ℓ/∂x = γ / √(σ² + ε) · (∂ℓ/∂y - Σ ∂ℓ/∂y / m - x̂ · Σ ∂ℓ/∂y·x̂ / m)

The sums of the second line, too, go over all processes: in each of the two passes the processes
exchange 2 C numbers (and their number of points) once. Nobody waits for them on the host.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.autograd.function import Function

from .bas import at_least_float32


def _has_kernels(x: torch.Tensor) -> bool:
    """Whether torch has the sums and steps of this file as one kernel each.

    CUDA has; in a graph of ``torch.compile`` plain operators are better, which it makes kernels of.
    """
    return x.is_cuda and not torch.compiler.is_compiling()


def _dense(x: torch.Tensor) -> torch.Tensor:
    """Contiguous, in torch's common order of the axes or channels-last: what kernels ask for."""
    orders = {4: torch.channels_last, 5: torch.channels_last_3d}
    if x.ndim in orders and x.is_contiguous(memory_format=orders[x.ndim]):
        return x
    return x.contiguous()


def _other_axes(x: torch.Tensor) -> list[int]:
    """All axes but that of the channels."""
    return [axis for axis in range(x.ndim) if axis != 1]


def _along_channels(vector: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """(C,) -> (1, C, 1, ...), to be combined with x."""
    return vector.view(1, -1, *[1] * (x.ndim - 2))


def moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of each channel of one batch, by plain operators.

    Args:
        x (Tensor): (N, C, ...).

    Returns:
        tuple[Tensor, Tensor]: (C,) each, at least float32; the variance divides by the number of
        points.
    """
    # torch.var_mean is one call, and takes six times as long on a CPU.
    x = at_least_float32(x)
    mean = x.mean(_other_axes(x))
    return mean, (x - _along_channels(mean, x)).square_().mean(_other_axes(x))


def pooled_moments(
    means: torch.Tensor, variances: torch.Tensor, counts: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean and variance of several batches together, from those of each.

    Args:
        means (Tensor): (P, C).
        variances (Tensor): (P, C), dividing by the number of points.
        counts (Tensor): (P, 1), points per channel, above 0.

    Returns:
        tuple[Tensor, Tensor, Tensor]: µ and σ², (C,), and m, ().
    """
    count = counts.sum()
    share = counts / count
    mean = (share * means).sum(0)
    variance = (share * (variances + (means - mean).square())).sum(0)
    return mean, variance, count


def _gathered(x: torch.Tensor, mean: torch.Tensor, spread: torch.Tensor) -> Sequence[torch.Tensor]:
    """(P, C), (P, C) and (P, 1): two figures per channel of each process, and its points.

    Each process has to call this once.
    """
    channels, processes = len(mean), dist.get_world_size()
    own = torch.cat([mean, spread, mean.new_full((1,), x.numel() // channels)])
    every = own.new_empty(processes * len(own))
    dist.all_gather_into_tensor(every, own)
    return every.view(processes, -1).split([channels, channels, 1], dim=1)


def _move(
    running: Sequence[torch.Tensor],
    share: float | torch.Tensor,
    mean: torch.Tensor,
    variance: torch.Tensor,
    count: torch.Tensor,
) -> None:
    """Move a running mean and variance towards µ and the unbiased variance."""
    for average, new in zip(running, (mean, variance * (count / (count - 1)))):
        average.add_(share * (new - average))


def synchronised_batch_norm(
    x: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    eps: float,
    running: Sequence[torch.Tensor] | None = None,
    share: float | torch.Tensor = 0.1,
) -> torch.Tensor:
    """Normalise by the statistics of the batches of all processes; each has to call this once.

    Weights' gradients are those of a process's own batch: DistributedDataParallel, which brings
    all weights' gradients together, does so with them as well.

    Args:
        x (Tensor): (N, C, ...); N at least 1, and not the same in all processes if need be.
        weight (Tensor, optional): γ, (C,). Default: 1.
        bias (Tensor, optional): β, (C,). Default: 0.
        eps (float): ε, above 0.
        running (Sequence[Tensor], optional): running mean and variance, (C,) each, moved in place:
            to µ, and to σ² that divides by m - 1. Default: none are kept.
        share (float | Tensor): of the new statistics in the running ones; a tensor, (), stays on
            its device. Default: 0.1.

    Returns:
        Tensor: y, of x's shape and type.
    """
    x = _dense(x)
    of_all, norm = (
        (_kernels_statistics, _NormOfKernels) if _has_kernels(x) else (_statistics, _Norm)
    )
    with torch.no_grad():
        statistics = of_all(x, eps, running, share)
    return norm.apply(x, weight, bias, eps, *statistics)


def _statistics(
    x: torch.Tensor,
    eps: float,
    running: Sequence[torch.Tensor] | None,
    share: float | torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """µ, σ² (C,) and m () of all processes' batches; the running ones are moved."""
    mean, variance, count = pooled_moments(*_gathered(x, *moments(x)))
    if running is not None:
        _move(running, share, mean, variance, count)
    return mean, variance, count


def _kernels_statistics(
    x: torch.Tensor,
    eps: float,
    running: Sequence[torch.Tensor] | None,
    share: float | torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """µ, 1 / √(σ² + ε) (C,) and each process's points (P,), int32; the running ones are moved."""
    means, inverse_deviations, counts = _gathered(x, *torch.batch_norm_stats(x, eps))
    counts = counts.flatten()
    # The kernel moves them by a number of the host, and if they are of the type of the counts.
    moved = running is not None and not isinstance(share, torch.Tensor)
    moved = moved and running[0].dtype == counts.dtype
    # Of its first argument it takes the type of the counts alone: x may be float16, in which there
    # are no numbers of points above 65504.
    mean, inverse_deviation = torch.batch_norm_gather_stats_with_counts(
        means,
        means,
        inverse_deviations,
        *(running if moved else (None, None)),
        share if moved else 0.0,
        eps,
        counts,
    )
    if running is not None and not moved:
        _move(running, share, mean, inverse_deviation.pow(-2) - eps, counts.sum())
    return mean, inverse_deviation, counts.to(torch.int32)


def _summed_up(sums: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
    """Two sums (C,) over all processes, each of which has to call this once."""
    joined = torch.cat(tuple(sums))
    dist.all_reduce(joined)
    return joined.chunk(2)


def _of_inputs(
    ctx: Any,
    weight: torch.Tensor | None,
    grad_x: torch.Tensor | None,
    grad_weight: torch.Tensor | None,
    grad_bias: torch.Tensor | None,
) -> tuple[torch.Tensor | None, ...]:
    """What a backward pass returns: in the types of γ and β, and None where none is asked for."""
    for_x, for_weight, for_bias, *others = ctx.needs_input_grad
    return (
        grad_x if for_x else None,
        grad_weight.to(weight.dtype) if for_weight else None,
        grad_bias.to(ctx.bias_dtype) if for_bias else None,
        *[None] * len(others),
    )


class _NormOfKernels(Function):
    """:func:`synchronised_batch_norm` after :func:`_kernels_statistics`, by CUDA's kernels."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,
        eps: float,
        mean: torch.Tensor,
        inverse_deviation: torch.Tensor,
        counts: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight, mean, inverse_deviation, counts)
        ctx.bias_dtype = None if bias is None else bias.dtype
        # The kernel takes them in x's type or in that of its sums.
        typed = [p if p is None or p.dtype == x.dtype else p.to(mean.dtype) for p in (weight, bias)]
        return torch.batch_norm_elemt(x, *typed, mean, inverse_deviation, eps)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, mean, inverse_deviation, counts = ctx.saved_tensors
        for_x, for_weight, for_bias, *_ = ctx.needs_input_grad
        wide = None if weight is None else weight.to(mean.dtype)
        if weight is None and for_bias:
            wide = torch.ones_like(mean)  # without γ the kernel gives no ∂β
        grad = _dense(grad)
        # Σ ∂y, Σ ∂y·(x − µ), ∂γ, ∂β
        *sums, grad_weight, grad_bias = torch.batch_norm_backward_reduce(
            grad, x, mean, inverse_deviation, wide, for_x, for_weight, for_bias
        )
        grad_x = None
        if for_x:
            grad_x = torch.batch_norm_backward_elemt(
                grad, x, mean, inverse_deviation, wide, *_summed_up(sums), counts
            )
        return _of_inputs(ctx, weight, grad_x, grad_weight, grad_bias)


class _Norm(Function):
    """:func:`synchronised_batch_norm` after :func:`_statistics`, with the formula's gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,
        eps: float,
        mean: torch.Tensor,
        variance: torch.Tensor,
        count: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.eps, ctx.bias_dtype = eps, None if bias is None else bias.dtype
        wide = [None if p is None else p.to(mean.dtype) for p in (weight, bias)]
        return F.batch_norm(x, mean, variance, *wide, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight, mean, variance, count = ctx.saved_tensors
        for_x, *_ = ctx.needs_input_grad
        wide = None if weight is None else weight.to(mean.dtype)
        grad, wide_x = _dense(grad), x.to(mean.dtype)
        # Of a norm in eval mode with µ and σ²: γ / √(σ² + ε) · ∂y, ∂γ = Σ ∂y·x̂, ∂β = Σ ∂y.
        grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            *(grad.to(mean.dtype), wide_x, wide, mean, variance),
            *(None, None, False, ctx.eps, [bool(for_x), True, True]),
        )
        if for_x:
            sum_grad, sum_grad_x = _summed_up((grad_bias, grad_weight))
            # The two other terms of the formula, as a straight line in x.
            inverse_deviation = (variance + ctx.eps).rsqrt()
            scale = inverse_deviation if wide is None else wide * inverse_deviation
            slope = -scale * inverse_deviation * sum_grad_x / count
            offset = -scale * sum_grad / count - slope * mean
            grad_x.add_(_along_channels(offset, x)).addcmul_(wide_x, _along_channels(slope, x))
            grad_x = grad_x.to(x.dtype)
        return _of_inputs(ctx, weight, grad_x, grad_weight, grad_bias)
