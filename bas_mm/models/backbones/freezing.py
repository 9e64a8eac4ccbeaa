"""Keeping the first stages of a backbone, or its norm layers, fixed during training."""

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ['freeze']


def freeze(backbone: nn.Module, stages: Iterable[str], norm_eval: bool) -> None:
    """Freeze stages of a backbone. To be called after each change of its training mode.

    Args:
        backbone: The network; changed in place.
        stages: Names of its submodules that get no gradient and stay in eval mode.
        norm_eval: Set every batch-norm layer to eval mode: its running statistics are used and
            do not change. Weight and bias still get a gradient.
    """
    for name in stages:
        stage = backbone.get_submodule(name)
        stage.eval()
        stage.requires_grad_(False)
    if norm_eval:
        for module in backbone.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
