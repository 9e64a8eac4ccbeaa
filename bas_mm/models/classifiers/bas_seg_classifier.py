import torch
from mmpretrain.structures import DataSample

from bas_mm.models.functional import draw_positive_class
from bas_mm.registry import MODELS

from .foreground_maps import ForegroundMaps
from .multi_label_classifier import MultiLabelClassifier


@MODELS.register_module()
class BASSegClassifier(ForegroundMaps, MultiLabelClassifier):
    """Background Activation Suppression for images with several labels: maps for segmentation.

    As :class:`BASClassifier`, but for one thing: at each step the foreground map is that of one
    of the image's positive classes, drawn at random. Images without a class are left
    to the classification loss.

    Args:
        generator (dict): the foreground generator on F.
        **kwargs: see :class:`ClassMapClassifier`; ``head`` is a :class:`BASSegHead`.

    Examples:
        >>> import torch
        >>> from bas_mm.registry import MODELS
        >>> model = MODELS.build(dict(
        ...     type='BASSegClassifier',
        ...     backbone=dict(type='mmpretrain.ResNet', depth=18, strides=(1, 2, 2, 1)),
        ...     split=dict(point='layer3'),
        ...     generator=dict(
        ...         type='ForegroundGenerator', num_classes=20, in_channels=256, bias=False),
        ...     head=dict(type='BASSegHead', num_classes=20, in_channels=512,
        ...               loss_fg=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.2),
        ...               loss_amc=dict(type='AMCLoss', area_weight=1.2))))
        >>> model.localization_maps(torch.rand(1, 3, 128, 160), torch.tensor([[3, 14]])).shape
        torch.Size([1, 2, 8, 10])
    """

    def loss_targets(
        self, data_samples: list[DataSample], device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """t, (N, C), and p, (N,): one of each image's positive classes, drawn anew.

        Without a positive class p is 0; the head gives such an image no part in p's terms.
        """
        (targets,) = super().loss_targets(data_samples, device)
        return targets, draw_positive_class(targets)
