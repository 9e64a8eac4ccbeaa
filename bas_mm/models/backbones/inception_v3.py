from mmpretrain.models.backbones import InceptionV3
from torch import Tensor, nn

from bas_mm.registry import MODELS

from .freezing import freeze

__all__ = ['BASInceptionV3']


@MODELS.register_module()
class BASInceptionV3(InceptionV3):
    """Inception V3 with the finer feature maps of the published BAS network.

    The layers, their names and their weights are those of mmpretrain's (and torchvision's)
    network; strides, padding and pools differ, so that a 224×224 picture gives 768×28×28 after
    ``Mixed_6e`` and 2048×14×14 after ``Mixed_7c``. There is no auxiliary head, no dropout, no
    classifier, and no transform of the input.

    Source: Szegedy et al., *Rethinking the Inception Architecture for Computer Vision*, 2016;
    changes as in the BAS paper's network.

    Args:
        frozen_stages: The first so many of the split points (see :meth:`stages`) are frozen: no
            gradient, norm layers in eval mode. Range: 0 (nothing) to 18. Default: 0.
        norm_eval: Keep all batch-norm layers in eval mode. Default: False.
        init_cfg: Initialization; for ImageNet weights ``dict(type='PretrainedBackbone',
            checkpoint='torchvision://inception_v3_google')``. Default: mmpretrain's for this
            network.

    Raises:
        ValueError: ``frozen_stages`` is out of range.

    Example:
        >>> import torch
        >>> from bas_mm.models.backbones import BASInceptionV3
        >>> BASInceptionV3()(torch.rand(2, 3, 224, 224))[0].shape
        torch.Size([2, 2048, 14, 14])
    """

    #: The modules in the order of the forward pass; each is a point to split at.
    order = (
        'Conv2d_1a_3x3',
        'Conv2d_2a_3x3',
        'Conv2d_2b_3x3',
        'maxpool1',
        'Conv2d_3b_1x1',
        'Conv2d_4a_3x3',
        'maxpool2',
        'Mixed_5b',
        'Mixed_5c',
        'Mixed_5d',
        'Mixed_6a',
        'Mixed_6b',
        'Mixed_6c',
        'Mixed_6d',
        'Mixed_6e',
        'Mixed_7a',
        'Mixed_7b',
        'Mixed_7c',
    )

    out_channels = 2048

    def __init__(
        self,
        frozen_stages: int = 0,
        norm_eval: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        # Passing None on would drop mmpretrain's own default.
        options = {} if init_cfg is None else dict(init_cfg=init_cfg)
        super().__init__(num_classes=1, aux_logits=False, **options)
        # A parameter that no forward pass reaches would break DDP.
        del self.AuxLogits, self.avgpool, self.dropout, self.fc
        if not 0 <= frozen_stages <= len(self.order):
            raise ValueError(f'frozen_stages must be 0 to {len(self.order)}, got {frozen_stages}')
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval

        self.Conv2d_1a_3x3.conv.padding = (1, 1)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True)
        # Type B keeps its resolution here.
        for block in (self.Mixed_6a.branch3x3, self.Mixed_6a.branch3x3dbl_3):
            block.conv.stride = (1, 1)
            block.conv.padding = (1, 1)
        self.Mixed_6a.branch_pool = nn.MaxPool2d(3, stride=1, padding=1)
        # Type D halves it, 28 to 14, where the original's missing padding would give 13.
        for block in (self.Mixed_7a.branch3x3_2, self.Mixed_7a.branch7x7x3_4):
            block.conv.padding = (1, 1)
        self.Mixed_7a.branch_pool = nn.MaxPool2d(3, stride=2, padding=1)
        # Freezes before an optimizer collects the parameters.
        self.train(self.training)

    def stages(self) -> dict[str, tuple[str, ...]]:
        """The points where the network can be split, in order: ``Conv2d_1a_3x3`` … ``Mixed_7c``.

        Returns:
            For each point the names of the submodules that lead to it from the point before.
        """
        return {name: (name,) for name in self.order}

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            x: Pictures (N, 3, H, W).

        Returns:
            The output of ``Mixed_7c``, (N, 2048, H/16, W/16), in a tuple.
        """
        for name in self.order:
            x = getattr(self, name)(x)
        return (x,)

    def train(self, mode: bool = True) -> 'BASInceptionV3':
        """Set the mode; what is frozen (all norm layers with ``norm_eval``) stays in eval mode."""
        super().train(mode)
        freeze(self, self.order[: self.frozen_stages], self.norm_eval)
        return self
