from collections.abc import Sequence

from mmcv.cnn import ConvModule, DepthwiseSeparableConvModule
from mmengine.model import BaseModule
from torch import Tensor

from bas_mm.registry import MODELS

from .freezing import freeze

__all__ = ['MobileNetV1']


@MODELS.register_module()
class MobileNetV1(BaseModule):
    """MobileNet (version 1): a stem and thirteen depthwise-separable blocks.

    Layout of the published BAS network: 32 stride 2, then 64, 128 s2, 128, 256 s2, 256, 512 **s1**
    (ImageNet's MobileNet has stride 2 there), 512 five times, 1024 s2, 1024. A 224×224 image gives
    28×28 after ``block11`` and 14×14 after ``block13``. Each convolution has no bias and is
    followed by batch norm and ReLU (not ReLU6).

    Source: Howard et al., *MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
    Applications*, 2017; changes of stride as in the BAS paper's network.

    Args:
        widen_factor: Multiplies every channel number; the result is rounded down to a multiple of
            8, at least 8. Range: above 0. Default: 1.
        strides: Stride of each of the thirteen blocks. ImageNet's classification network is
            ``(1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)``. Default: BAS's.
        in_channels: Channels of the picture. Default: 3.
        norm_cfg: The norm layers. Default: ``dict(type='BN')``.
        frozen_stages: The stem (1) and so many blocks less one are frozen: no gradient, norm
            layers in eval mode. 0 freezes nothing, 14 everything. Default: 0.
        norm_eval: Keep all batch-norm layers in eval mode. Default: False.
        init_cfg: Initialization; for ImageNet weights ``dict(type='PretrainedBackbone',
            checkpoint=PATH)``. Default: Kaiming-normal convolutions, norm weight 1.

    Raises:
        ValueError: ``strides`` has not thirteen entries, or ``frozen_stages`` or ``widen_factor``
            is out of range.

    Example:
        >>> import torch
        >>> from bas_mm.models.backbones import MobileNetV1
        >>> MobileNetV1(widen_factor=0.25)(torch.rand(1, 3, 224, 224))[0].shape
        torch.Size([1, 256, 14, 14])
    """

    channels = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)

    def __init__(
        self,
        widen_factor: float = 1.0,
        strides: Sequence[int] = (1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 1, 2, 1),
        in_channels: int = 3,
        norm_cfg: dict | None = None,
        frozen_stages: int = 0,
        norm_eval: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        if init_cfg is None:
            init_cfg = [
                dict(type='Kaiming', layer='Conv2d', mode='fan_in'),
                dict(type='Constant', layer='_BatchNorm', val=1),
            ]
        super().__init__(init_cfg)
        blocks = len(self.channels)
        if len(strides) != blocks:
            raise ValueError(f'strides must have {blocks} entries, got {len(strides)}')
        if not 0 <= frozen_stages <= blocks + 1:
            raise ValueError(f'frozen_stages must be 0 to {blocks + 1}, got {frozen_stages}')
        if not widen_factor > 0:
            raise ValueError(f'widen_factor must be above 0, got {widen_factor}')
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        norm_cfg = dict(type='BN') if norm_cfg is None else norm_cfg

        def width(channels: int) -> int:
            return max(8, int(channels * widen_factor) // 8 * 8)

        previous = width(32)
        self.stem = ConvModule(
            in_channels,
            previous,
            3,
            stride=2,
            padding=1,
            norm_cfg=norm_cfg,
            act_cfg=dict(type='ReLU'),
        )
        for number, (channels, stride) in enumerate(zip(self.channels, strides), start=1):
            block = DepthwiseSeparableConvModule(
                previous,
                width(channels),
                3,
                stride=stride,
                padding=1,
                norm_cfg=norm_cfg,
                act_cfg=dict(type='ReLU'),
            )
            self.add_module(f'block{number}', block)
            previous = width(channels)
        self.out_channels = previous
        # Freezes before an optimizer collects the parameters.
        self.train(self.training)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The points where the network can be split, in order: ``stem``, ``block1`` … ``block13``.

        Returns:
            For each point the names of the submodules that lead to it from the point before.
        """
        names = ['stem', *(f'block{i}' for i in range(1, len(self.channels) + 1))]
        return {name: (name,) for name in names}

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            x: Pictures (N, in_channels, H, W).

        Returns:
            The last feature map (N, 1024·widen_factor, H/16, W/16), in a tuple.
        """
        for name in self.stages():
            x = getattr(self, name)(x)
        return (x,)

    def train(self, mode: bool = True) -> 'MobileNetV1':
        """Set the mode; what is frozen (all norm layers with ``norm_eval``) stays in eval mode."""
        super().train(mode)
        freeze(self, list(self.stages())[: self.frozen_stages], self.norm_eval)
        return self
