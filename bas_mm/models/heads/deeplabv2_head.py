from collections.abc import Sequence

import torch
import torch.nn as nn
from mmseg.models.decode_heads.decode_head import BaseDecodeHead

from bas_mm.registry import MODELS


@MODELS.register_module()
class DeepLabV2Head(BaseDecodeHead):
    """DeepLabv2's head: the sum of dilated 3×3 convolutions, straight from features to classes.

    Source: L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille, *DeepLab: Semantic
    Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully Connected CRFs*
    ("ASPP"). mmsegmentation's ``ASPPHead`` is DeepLabv3's, which concatenates.

    Args:
        in_channels (int): channels of the last feature.
        num_classes (int): number of classes, the background among them.
        dilations (Sequence[int]): one convolution for each. Default: 6, 12, 18, 24.
        loss_decode (dict): the loss of one map of scores. Default: the cross-entropy, averaged over
            the pixels that are not ignored.
        init_cfg (dict, optional): initialisation. Default: normal with standard deviation 0.01,
            bias 0.
        **kwargs: ``in_index``, ``ignore_index``, ``align_corners`` and what else mmsegmentation's
            ``BaseDecodeHead`` has for heads of one feature; no dropout by default.

    Raises:
        ValueError: no dilation.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        dilations: Sequence[int] = (6, 12, 18, 24),
        loss_decode: dict | Sequence[dict] = dict(  # noqa: B006 - never written to
            type='mmseg.CrossEntropyLoss', use_sigmoid=False, avg_non_ignore=True
        ),
        dropout_ratio: float = 0,
        init_cfg: dict | None = dict(  # noqa: B006 - never written to
            type='Normal', layer='Conv2d', std=0.01, bias=0
        ),
        **kwargs,
    ) -> None:
        if not dilations:
            raise ValueError('decode_head.dilations is empty: name at least one dilation')
        super().__init__(
            in_channels,
            in_channels,
            num_classes=num_classes,
            loss_decode=loss_decode,
            dropout_ratio=dropout_ratio,
            init_cfg=init_cfg,
            **kwargs,
        )
        # A layer that is not used has no gradient, which distributed training refuses.
        del self.conv_seg
        self.dilations = tuple(dilations)
        self.convs = nn.ModuleList(
            nn.Conv2d(self.in_channels, self.out_channels, 3, padding=rate, dilation=rate)
            for rate in self.dilations
        )

    def forward(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Scores of the classes.

        Args:
            inputs (Sequence[Tensor]): features; the one of ``in_index`` is (N, in_channels, h, w).

        Returns:
            Tensor: (N, C, h, w), not normalised.
        """
        features = self._transform_inputs(inputs)
        if self.dropout is not None:
            features = self.dropout(features)
        scores = self.convs[0](features)
        for conv in self.convs[1:]:
            scores = scores + conv(features)
        return scores
