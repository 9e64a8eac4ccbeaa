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
    of the image's positive classes, drawn at random.

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

    def loss(self, inputs: torch.Tensor, data_samples: list[DataSample]) -> dict:
        """The training forward.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[DataSample]): with ``gt_label`` or ``gt_score``; each has at least
                one class.

        Returns:
            dict[str, Tensor]: the terms of :meth:`BASSegHead.loss`.
        """
        targets = self.targets_of(data_samples, inputs.device)
        drawn = draw_positive_class(targets)
        features, tail_features = self.extract_feat(inputs)
        class_maps = self.head(tail_features)
        foreground_map, background_class_maps = self.foreground_and_background(features, drawn)
        return self.head.loss(class_maps, background_class_maps, foreground_map, targets, drawn)
