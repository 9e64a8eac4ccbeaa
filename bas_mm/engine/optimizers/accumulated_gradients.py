"""The gradients of a step that is not complete where a checkpoint is written."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.optim import BaseOptimWrapper, OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from .resume_as_built import in_layout_of


def accumulated_counts(wrapper: BaseOptimWrapper | None) -> int:
    """Iterations of one step of an optimizer, 1 where it does not accumulate.

    Args:
        wrapper (BaseOptimWrapper, optional): Of several optimizers mmengine does not count the
            iterations; they are taken as one that does not accumulate.
    """
    if not isinstance(wrapper, OptimWrapper) or isinstance(wrapper, OptimWrapperDict):
        return 1
    return wrapper._accumulative_counts


def loss_weight(wrapper: OptimWrapper) -> float:
    """What the next loss is multiplied by, to be one of several of its step.

    The last step of a training may be of fewer iterations than the others.

    Args:
        wrapper (OptimWrapper): It is within a step.
    """
    return wrapper.scale_loss(1.0)


def open_gradients(model: nn.Module, wrapper: BaseOptimWrapper | None) -> dict[str, Tensor]:
    """The gradients of this process that wait for the other iterations of their step.

    Args:
        model (nn.Module): The model itself.
        wrapper (BaseOptimWrapper, optional): Its optimizer.

    Returns:
        dict[str, Tensor]: By the names of the parameters; as they are, times the loss scale. None
        after a whole step. What no optimizer uses is not among them.
    """
    if accumulated_counts(wrapper) == 1 or wrapper.should_update():
        return {}
    parameters = _trained(model, wrapper).items()
    return {name: each.grad for name, each in parameters if each.grad is not None}


def mean_gradients(model: nn.Module, wrapper: BaseOptimWrapper | None) -> dict[str, Tensor]:
    """The open gradients, as the mean over all processes: the step takes that mean of theirs.

    All processes of a job call it together.

    Args:
        model (nn.Module): The model itself.
        wrapper (BaseOptimWrapper, optional): Its optimizer.

    Returns:
        dict[str, Tensor]: By the names of the parameters; on the CPU, without the loss scale. None
        after a whole step, and in other processes than the first.
    """
    if accumulated_counts(wrapper) == 1:
        return {}
    own, parameters = open_gradients(model, wrapper), _trained(model, wrapper)
    # A process may have none of a parameter that another has used.
    there = torch.tensor([name in own for name in parameters], dtype=torch.int64)
    all_reduce(there)
    gradients, scale = {}, _loss_scale(wrapper)
    for (name, parameter), somewhere in zip(parameters.items(), there.tolist()):
        if not somewhere:
            continue
        gradient = own[name] if name in own else torch.zeros_like(parameter)
        gradient = gradient.detach().clone(memory_format=torch.contiguous_format)
        all_reduce(gradient, op='mean')
        if is_main_process():
            gradients[name] = gradient.cpu().div_(scale)
    return gradients


def restore_gradients(
    model: nn.Module, wrapper: BaseOptimWrapper, gradients: Mapping[str, Tensor], weight: float
) -> None:
    """Let a step go on from what :func:`mean_gradients` gave.

    Args:
        model (nn.Module): The model itself.
        wrapper (BaseOptimWrapper): Its optimizer.
        gradients (Mapping[str, Tensor]): By the names of the parameters.
        weight (float): :func:`loss_weight` where they were saved.
    """
    scale = _loss_scale(wrapper) * (loss_weight(wrapper) / weight)
    for name, parameter in _trained(model, wrapper).items():
        if name in gradients:
            gradient = gradients[name].to(parameter) * scale
            parameter.grad = in_layout_of(parameter, gradient)


def is_scaled(wrapper: BaseOptimWrapper | None) -> bool:
    """Whether a loss scaler may leave out the steps whose gradients are not finite."""
    scaler = getattr(wrapper, 'loss_scaler', None)
    return scaler is not None and scaler.is_enabled()


def _loss_scale(wrapper: BaseOptimWrapper) -> float:
    return wrapper.loss_scaler.get_scale() if is_scaled(wrapper) else 1.0


def _trained(model: nn.Module, wrapper: OptimWrapper) -> dict[str, nn.Parameter]:
    """The parameters that an optimizer has, by their names in the model."""
    own = {id(each) for group in wrapper.optimizer.param_groups for each in group['params']}
    return {name: each for name, each in model.named_parameters() if id(each) in own}
