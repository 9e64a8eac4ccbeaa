from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import nn

from bas_mm.utils.arguments import is_single

from .reduction import concatenate, reduction, require_groups


class DisplacementBranch(BaseModule):
    """IRNet's branch that tells each point the way to the centre of its thing.

    Features at the first one's stride are *fine*, all others *coarse*. The coarse ones are reduced,
    joined at the stride of the finest of them, and joined with the fine ones at theirs.

    Args:
        in_channels (Sequence[int]): channels of each feature.
        strides (Sequence[int]): pixels per point of each feature, ascending; two at least differ.
        channels (Sequence[int]): what each feature is reduced to.
            Default: (64, 128, 256, 256, 256).
        groups (Sequence[int]): of the norm of each. Default: (8, 16, 16, 16, 16).
        joint_channels (int): of both joints. Default: 256.
        joint_groups (int): of their norms. Default: 16.

    Raises:
        ValueError: ``channels`` or ``groups`` are not one for each feature; or one of these, or of
            the joints, is no whole number, or does not divide.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int],
        channels: Sequence[int] = (64, 128, 256, 256, 256),
        groups: Sequence[int] = (8, 16, 16, 16, 16),
        joint_channels: int = 256,
        joint_groups: int = 16,
    ) -> None:
        super().__init__()
        for name, values in (('channels', channels), ('groups', groups)):
            if is_single(values) or len(values) != len(in_channels):
                raise ValueError(
                    f'model.displacement.{name}={values!r}: a list is needed, of one number for '
                    f'each of the {len(in_channels)} features of model.features.'
                )
        for out, group in zip(channels, groups, strict=True):
            require_groups('model.displacement', channels=out, groups=group)
        require_groups(
            'model.displacement', joint_channels=joint_channels, joint_groups=joint_groups
        )
        self.num_fine = sum(stride == strides[0] for stride in strides)
        first_coarse = strides[self.num_fine]
        self.reductions = nn.ModuleList(
            reduction(count, out, group, max(1, stride // first_coarse))
            for count, out, group, stride in zip(
                in_channels, channels, groups, strides, strict=True
            )
        )
        self.coarse_joint = reduction(
            sum(channels[self.num_fine :]),
            joint_channels,
            joint_groups,
            first_coarse // strides[0],
        )
        self.fine_joint = reduction(
            sum(channels[: self.num_fine]) + joint_channels, joint_channels, joint_groups
        )
        self.field = nn.Conv2d(joint_channels, 2, 1, bias=False)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Features (N, C_k, h_k, w_k) to displacements (N, 2, h_0, w_0): rows, columns."""
        reduced = [layer(feature) for layer, feature in zip(self.reductions, features, strict=True)]
        fine, coarse = reduced[: self.num_fine], reduced[self.num_fine :]
        joined = self.coarse_joint(concatenate(coarse, features[self.num_fine].shape[-2:]))
        joined = self.fine_joint(concatenate([*fine, joined], features[0].shape[-2:]))
        return self.field(joined)
