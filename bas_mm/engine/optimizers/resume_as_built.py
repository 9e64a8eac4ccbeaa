"""A resumed optimizer is what its config says, not what the one that wrote the checkpoint was."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

_IMPLEMENTATION = ('fused', 'foreach')


def resume_as_built(optimizer: Optimizer) -> None:
    """Let an optimizer keep its implementation and its weights' layout when it loads a state.

    Args:
        optimizer (Optimizer): Whose ``load_state_dict`` is changed; twice is as good as once.
    """
    optimizer.register_load_state_dict_pre_hook(_keep_implementation)
    optimizer.register_load_state_dict_post_hook(_lay_out_state)


def in_layout_of(parameter: Tensor, value: Any) -> Any:
    """``value`` as ``parameter`` lies in memory, if it is a tensor of its shape that does not."""
    if (
        not isinstance(value, Tensor)
        or value.shape != parameter.shape
        or value.stride() == parameter.stride()
    ):
        return value
    return torch.empty_like(parameter, dtype=value.dtype, device=value.device).copy_(value)


def _keep_implementation(optimizer: Optimizer, state_dict: dict) -> dict:
    """``state_dict`` with the implementation that ``optimizer`` was built with.

    torch keeps it in the groups, which a checkpoint overwrites, and elsewhere, where a loss scaler
    looks: the two must say the same.
    """
    kept = {key: optimizer.defaults[key] for key in _IMPLEMENTATION if key in optimizer.defaults}
    groups = [{**group, **kept} for group in state_dict['param_groups']]
    return {**state_dict, 'param_groups': groups}


def _lay_out_state(optimizer: Optimizer) -> None:
    """Give the state the layout of its parameters, which a checkpoint's may not have.

    It has the strides of the run that wrote it, which ``model.channels_last`` changes. Fused
    kernels take a weight and its momentum in the order of memory: those of GPUs refuse two orders,
    those of CPUs move a weight by another's momentum.
    """
    for parameter, values in optimizer.state.items():
        # What torch's ZeroRedundancyOptimizer leaves to other processes is None.
        if isinstance(parameter, Tensor) and isinstance(values, dict):
            for name, value in values.items():
                values[name] = in_layout_of(parameter, value)
