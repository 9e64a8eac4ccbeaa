import torch
import torch.nn as nn
from mmengine.model import BaseModule

from bas_mm.models.functional import class_convolution, require_channels, take_maps
from bas_mm.registry import MODELS
from bas_mm.utils.arguments import whole_number


@MODELS.register_module()
class ForegroundGenerator(BaseModule):
    """Foreground prediction maps from F: a 3×3 convolution and a sigmoid, one map per class.

    Where a few classes per image are asked for, the maps of the others are not computed: training
    needs one of C.

    Source: the generator of BAS (CVPR 2022).

    Args:
        num_classes (int): C, the number of classes.
        in_channels (int): channels of F.
        bias (bool): whether the convolution has a bias. BAS has one, its extension to
            segmentation has not. Default: True.
        init_cfg (dict): initialisation. Default: Xavier uniform, bias 0.

    Raises:
        ValueError: ``num_classes`` or ``in_channels`` is no whole number of at least 1.

    Examples:
        >>> import torch
        >>> from bas_mm.models import ForegroundGenerator
        >>> generator = ForegroundGenerator(num_classes=200, in_channels=1024)
        >>> generator(torch.rand(2, 1024, 28, 28), torch.tensor([[3], [7]])).shape
        torch.Size([2, 1, 28, 28])
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        bias: bool = True,
        init_cfg: dict | None = dict(  # noqa: B006 - never written to
            type='Xavier', layer='Conv2d', distribution='uniform'
        ),
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = whole_number('num_classes', num_classes, least=1)
        self.in_channels = whole_number('in_channels', in_channels, least=1)
        self.conv = nn.Conv2d(in_channels, num_classes, kernel_size=3, padding=1, bias=bias)

    def forward(self, features: torch.Tensor, classes: torch.Tensor | None = None) -> torch.Tensor:
        """M, the maps of all classes or of a few per image.

        Args:
            features (Tensor): F, (N, in_channels, h, w).
            classes (Tensor, optional): (N, K), int64: the K classes wanted of each image.
                Default: all.

        Returns:
            Tensor: (N, C, h, w), or (N, K, h, w), in (0, 1).
        """
        require_channels(
            features, self.in_channels, 'model.generator.in_channels', "the backbone's front"
        )
        # Up to half of the classes their own maps alone are cheaper, by measurement.
        if classes is not None and 2 * classes.shape[1] <= self.num_classes:
            conv = self.conv
            return class_convolution(features, conv.weight, conv.bias, classes).sigmoid()
        return take_maps(self.conv(features), classes).sigmoid()
