"""The unit that both branches of IRNet are made of."""

from collections.abc import Sequence

import torch
from torch import nn

from bas_mm.utils.arguments import whole_number

__all__ = ['concatenate', 'reduction', 'require_groups']


def reduction(in_channels: int, out_channels: int, groups: int, scale: int = 1) -> nn.Sequential:
    """1×1 convolution without bias, group norm, bilinear upsampling where asked for, ReLU.

    Args:
        in_channels (int): of the feature.
        out_channels (int): a multiple of ``groups``.
        groups (int): of the norm.
        scale (int): factor of the upsampling (align_corners False). Default: 1, none.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.GroupNorm(groups, out_channels),
    ]
    if scale > 1:
        layers.append(nn.Upsample(scale_factor=scale, mode='bilinear', align_corners=False))
    return nn.Sequential(*layers, nn.ReLU(inplace=True))


def require_groups(key: str, **counts: int) -> None:
    """Judge channels, and the groups that a norm divides them into.

    Args:
        key (str): the branch's in the config.
        **counts (int): channels and groups, in this order, by their names there.

    Raises:
        ValueError: one is no whole number of at least 1, or the channels do not divide.
    """
    (name, channels), (divider, groups) = counts.items()
    whole_number(f'{key}.{name}', channels, 1)
    whole_number(f'{key}.{divider}', groups, 1)
    if channels % groups:
        raise ValueError(f'{key}.{name}={channels} must be a multiple of {key}.{divider}={groups}')


def concatenate(features: Sequence[torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
    """Join maps of one scale; those that upsampling made too large are cut at right and bottom."""
    height, width = size
    return torch.cat([feature[..., :height, :width] for feature in features], 1)
