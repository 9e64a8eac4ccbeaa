"""The model of a run, whatever it is wrapped in."""

from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

__all__ = ['inner_model']


def inner_model(runner: Runner) -> nn.Module:
    """The model itself, out of the wrapper that it has in a distributed job."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
