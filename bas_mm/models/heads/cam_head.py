import torch
import torch.nn as nn
from mmengine.model import BaseModule

from bas_mm.models.functional import require_channels, z
from bas_mm.registry import MODELS
from bas_mm.utils.arguments import whole_number


@MODELS.register_module()
class CAMHead(BaseModule):
    """Classifier of class maps, trained with the cross-entropy of their means.

    The classifier is BAS's: 3×3 convolution, ReLU, 3×3 convolution, ReLU, 1×1 convolution to
    the class maps A; score_1 = z(A).

    Args:
        num_classes (int): C.
        in_channels (int): channels of the tail's output.
        hidden_channels (int): channels of the two hidden convolutions. Default: 1024.
        loss_cls (dict): loss of score_1. Default: mmpretrain's cross-entropy.
        init_cfg (dict): initialisation. Default: Xavier uniform, bias 0.

    Raises:
        ValueError: ``num_classes`` or ``in_channels`` is no whole number of at least 1.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        hidden_channels: int = 1024,
        loss_cls: dict = dict(type='mmpretrain.CrossEntropyLoss'),  # noqa: B006 - never written to
        init_cfg: dict | None = dict(  # noqa: B006 - never written to
            type='Xavier', layer='Conv2d', distribution='uniform'
        ),
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = whole_number('num_classes', num_classes, least=1)
        self.in_channels = whole_number('in_channels', in_channels, least=1)
        self.classifier = nn.Sequential(
            nn.Conv2d(in_channels, hidden_channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden_channels, num_classes, 1),
        )
        # Called as in mmpretrain's heads, where SwitchRecipeHook looks for it.
        self.loss_module = MODELS.build(loss_cls)

    def classifier_parts(self) -> tuple[list[nn.Module], nn.Conv2d]:
        """The classifier's hidden modules, in order, and its last convolution, to class maps."""
        *hidden, last = self.classifier
        return hidden, last

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """A, the class maps: (N, in_channels, h, w) -> (N, C, h, w)."""
        require_channels(
            features, self.in_channels, 'model.head.in_channels', "the backbone's tail"
        )
        return self.classifier(features)

    def loss(self, class_maps: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Cross-entropy and accuracy of score_1.

        Args:
            class_maps (Tensor): A, (N, C, h, w).
            labels (Tensor): y, (N,), int64 in [0, C).

        Returns:
            dict[str, Tensor]: ``loss_cls``, and ``acc_cls`` in percent; scalars.
        """
        score1 = z(class_maps)
        return dict(loss_cls=self.loss_module(score1, labels), acc_cls=accuracy(score1, labels))


def accuracy(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Share of images whose highest score is their label's, in percent; stays on the device.

    Args:
        scores (Tensor): (N, C).
        labels (Tensor): (N,), int64.

    Returns:
        Tensor: a scalar in [0, 100], without gradient.
    """
    return (scores.detach().argmax(1) == labels).float().mean() * 100
