import torch
import torch.nn as nn
from mmpretrain.models import MultiLabelClsHead
from mmpretrain.structures import DataSample

from bas_mm.models.functional import require_channels, z
from bas_mm.registry import MODELS
from bas_mm.utils.arguments import whole_number


@MODELS.register_module()
class MultiLabelCAMHead(MultiLabelClsHead):
    """Classifier of class maps for images with several labels: one 1×1 convolution without bias.

    score_1 = z(A). mmpretrain's multi-label head does the rest: it turns scores into labels.

    Args:
        num_classes (int): C.
        in_channels (int): channels of the tail's output.
        loss_cls (dict): loss of score_1 and the targets, both (N, C). Default: the multi-label
            soft-margin loss, which is mmpretrain's cross-entropy with a sigmoid.
        init_cfg (dict): initialisation. Default: Xavier uniform.
        **kwargs: ``thr``, ``topk`` of mmpretrain's ``MultiLabelClsHead``.

    Raises:
        ValueError: ``num_classes`` or ``in_channels`` is no whole number of at least 1.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        loss_cls: dict = dict(  # noqa: B006 - never written to
            type='mmpretrain.CrossEntropyLoss', use_sigmoid=True
        ),
        init_cfg: dict | None = dict(  # noqa: B006 - never written to
            type='Xavier', layer='Conv2d', distribution='uniform'
        ),
        **kwargs,
    ) -> None:
        super().__init__(loss=MODELS.build(loss_cls), init_cfg=init_cfg, **kwargs)
        self.num_classes = whole_number('num_classes', num_classes, least=1)
        self.in_channels = whole_number('in_channels', in_channels, least=1)
        self.classifier = nn.Conv2d(in_channels, num_classes, kernel_size=1, bias=False)

    def classifier_parts(self) -> tuple[list[nn.Module], nn.Conv2d]:
        """The classifier's hidden modules, of which there are none, and its convolution."""
        return [], self.classifier

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """A, the class maps: (N, in_channels, h, w) -> (N, C, h, w)."""
        require_channels(
            features, self.in_channels, 'model.head.in_channels', "the backbone's tail"
        )
        return self.classifier(features)

    def loss(self, class_maps: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """The loss of score_1.

        Args:
            class_maps (Tensor): A, (N, C, h, w).
            targets (Tensor): t, (N, C) of 0 and 1.

        Returns:
            dict[str, Tensor]: ``loss_cls``, a scalar.
        """
        return dict(loss_cls=self.loss_module(z(class_maps), targets))

    def predict(
        self, class_maps: torch.Tensor, data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Scores and labels from class maps (N, C, h, w), as mmpretrain's multi-label heads.

        They are on the CPU: one transfer for the batch, where labels found on a GPU would be waited
        for picture by picture.
        """
        return self._get_predictions(z(class_maps).cpu(), data_samples)
