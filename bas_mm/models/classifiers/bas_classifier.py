from bas_mm.registry import MODELS

from .foreground_maps import ForegroundMaps
from .localization_classifier import LocalizationClassifier


@MODELS.register_module()
class BASClassifier(ForegroundMaps, LocalizationClassifier):
    """Background Activation Suppression over any split backbone (CVPR 2022).

    Picture -> front -> F -> tail -> classifier -> class maps A; F -> generator -> M. In training
    the background features F·(1 − M[y]) go through tail and classifier once more, with frozen
    weights, for the Activation Map Constraint.

    Args:
        generator (dict): the foreground generator on F.
        **kwargs: see :class:`LocalizationClassifier`; ``head`` is a :class:`BASHead`.

    Examples:
        >>> import torch
        >>> from bas_mm.registry import MODELS
        >>> model = MODELS.build(dict(
        ...     type='BASClassifier',
        ...     backbone=dict(type='mmpretrain.ResNet', depth=18, strides=(1, 2, 1, 1)),
        ...     split=dict(point='layer3', bridge=dict(type='torch.nn.MaxPool2d', kernel_size=2)),
        ...     generator=dict(type='ForegroundGenerator', num_classes=5, in_channels=256),
        ...     head=dict(type='BASHead', num_classes=5, in_channels=512,
        ...               loss_fg=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.5),
        ...               loss_amc=dict(type='AMCLoss', area_weight=1.5))))
        >>> score1, maps = model(torch.rand(2, 3, 224, 224))
        >>> score1.shape, maps.shape
        (torch.Size([2, 5]), torch.Size([2, 5, 28, 28]))
    """
