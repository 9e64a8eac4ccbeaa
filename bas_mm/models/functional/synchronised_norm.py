"""Batch normalisation by the statistics of the batches of all processes (SyncBN).

In the notation of Ioffe and Szegedy, *Batch Normalization*, 2015, Algorithm 1, with m the points
of one channel in the batches of all processes together::

    µ  = Σ x / m        σ² = Σ (x - µ)² / m        x̂ = (x - µ) / √(σ² + ε)        y = γ·x̂ + β

    ∂ℓ/∂x = γ / √(σ² + ε) · (∂ℓ/∂y - Σ ∂ℓ/∂y / m - x̂ · Σ ∂ℓ/∂y·x̂ / m)

The sums of the second line, too, go over all processes: in each of the two passes the processes
exchange 2 C numbers (and their number of points) once. Nobody waits for them on the host.
"""

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


def moments(x: torch.Tensor, eps: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of each channel of one batch.

    Args:
        x (Tensor): (N, C, ...).
        eps (float): ε; does not change the result.

    Returns:
        tuple[Tensor, Tensor]: (C,) each, at least float32; the variance divides by the number of
        points.
    """
    if _has_kernels(x):
        mean, inverse_deviation = torch.batch_norm_stats(x, eps)
        return mean, inverse_deviation.pow(-2) - eps
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


def gathered_moments(
    x: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """µ, σ² (C,) and m () of the batches of all processes; each has to call this once."""
    mean, variance = moments(x, eps)
    channels, processes = len(mean), dist.get_world_size()
    own = torch.cat([mean, variance, mean.new_full((1,), x.numel() // channels)])
    every = own.new_empty(processes * len(own))
    dist.all_gather_into_tensor(every, own)
    return pooled_moments(*every.view(processes, -1).split([channels, channels, 1], dim=1))


def synchronised_batch_norm(
    x: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalise by the statistics of the batches of all processes; each has to call this once.

    Weights' gradients are those of a process's own batch: DistributedDataParallel, which brings
    all weights' gradients together, does so with them as well.

    Args:
        x (Tensor): (N, C, ...); N at least 1, and not the same in all processes if need be.
        weight (Tensor, optional): γ, (C,). Default: 1.
        bias (Tensor, optional): β, (C,). Default: 0.
        eps (float): ε, above 0.

    Returns:
        tuple[Tensor, Tensor, Tensor, Tensor]: y, of x's shape and type; µ and σ², (C,), and m, (),
        at least float32 and without a gradient.
    """
    return _SynchronisedNorm.apply(x, weight, bias, eps)


class _SynchronisedNorm(Function):
    """:func:`synchronised_batch_norm` with the gradient of the formula above."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor | None,
        bias: torch.Tensor | None,
        eps: float,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        x = _dense(x)
        mean, variance, count = gathered_moments(x, eps)
        if _has_kernels(x):
            y = torch.batch_norm_elemt(x, weight, bias, mean, (variance + eps).rsqrt(), eps)
        else:
            wide = [None if p is None else p.to(mean.dtype) for p in (weight, bias)]
            y = F.batch_norm(x, mean, variance, *wide, training=False, eps=eps)
        ctx.save_for_backward(x, weight, mean, variance, count)
        ctx.eps, ctx.bias_dtype = eps, None if bias is None else bias.dtype
        ctx.mark_non_differentiable(mean, variance, count)
        return y, mean, variance, count

    @staticmethod
    def backward(
        ctx: Any, grad: torch.Tensor, *_: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None, None]:
        x, weight, mean, variance, count = ctx.saved_tensors
        for_x, for_weight, for_bias, _ = ctx.needs_input_grad
        by_kernels = _has_kernels(x)
        wide = None if weight is None else weight.to(mean.dtype)
        inverse_deviation = (variance + ctx.eps).rsqrt()
        grad = _dense(grad)
        if by_kernels:
            # Σ ∂y, Σ ∂y·(x − µ), ∂γ, ∂β
            *sums, grad_weight, grad_bias = torch.batch_norm_backward_reduce(
                grad, x, mean, inverse_deviation, wide, for_x, for_weight, for_bias
            )
        else:
            # Of a norm in eval mode with µ and σ²: γ / √(σ² + ε) · ∂y, ∂γ = Σ ∂y·x̂, ∂β = Σ ∂y.
            wide_x = x.to(mean.dtype)
            grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
                *(grad.to(mean.dtype), wide_x, wide, mean, variance),
                *(None, None, False, ctx.eps, [bool(for_x), True, True]),
            )
            sums = grad_bias, grad_weight
        if for_x:
            joined = torch.cat(tuple(sums))
            dist.all_reduce(joined)
            sum_grad, sum_grad_x = joined.chunk(2)
            if by_kernels:
                counts = count.reshape(1).to(torch.int32)
                grad_x = torch.batch_norm_backward_elemt(
                    grad, x, mean, inverse_deviation, wide, sum_grad, sum_grad_x, counts
                )
            else:
                # The two other terms of the formula, as a straight line in x.
                scale = inverse_deviation if wide is None else wide * inverse_deviation
                slope = -scale * inverse_deviation * sum_grad_x / count
                offset = -scale * sum_grad / count - slope * mean
                grad_x.add_(_along_channels(offset, x)).addcmul_(wide_x, _along_channels(slope, x))
                grad_x = grad_x.to(x.dtype)
        return (
            grad_x if for_x else None,
            grad_weight.to(weight.dtype) if for_weight else None,
            grad_bias.to(ctx.bias_dtype) if for_bias else None,
            None,
        )
