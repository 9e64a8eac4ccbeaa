from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import nn

from .reduction import concatenate, reduction, require_groups


class BoundaryBranch(BaseModule):
    """IRNet's branch that tells where one thing ends and another begins.

    Each feature is reduced, brought to the size of the first one, and all are joined to one map.

    Args:
        in_channels (Sequence[int]): channels of each feature.
        strides (Sequence[int]): pixels per point of each feature, ascending multiples of the first.
        channels (int): that each feature is reduced to. Default: 32.
        groups (int): of the norms. Default: 4.

    Raises:
        ValueError: ``channels`` or ``groups`` are no whole numbers, or do not divide.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int],
        channels: int = 32,
        groups: int = 4,
    ) -> None:
        super().__init__()
        require_groups('model.boundary', channels=channels, groups=groups)
        self.reductions = nn.ModuleList(
            reduction(count, channels, groups, stride // strides[0])
            for count, stride in zip(in_channels, strides, strict=True)
        )
        self.joint = nn.Conv2d(channels * len(in_channels), 1, 1)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Features (N, C_k, h_k, w_k) to the boundary before the sigmoid, (N, 1, h_0, w_0)."""
        reduced = [layer(feature) for layer, feature in zip(self.reductions, features, strict=True)]
        return self.joint(concatenate(reduced, features[0].shape[-2:]))
