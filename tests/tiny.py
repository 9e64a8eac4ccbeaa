"""Small networks and pictures shared by the tests: fast on a CPU, built by the real registries."""

import torch
from mmpretrain.structures import DataSample
from torch.utils._python_dispatch import TorchDispatchMode

from bas_mm.registry import MODELS

CROSS_ENTROPY = 'mmpretrain.CrossEntropyLoss'


def tiny_model_cfg(
    kind: str = 'BASClassifier', num_classes: int = 4, norm: bool = True, **test_cfg
) -> dict:
    """Config of a ResNet18 (or, without norm, a VGG11) with a few channels.

    ResNet18: F has 32 channels at 1/8 of the picture, the tail's output 64 at 1/16.
    VGG11: F has 256 channels at 1/4, after conv3_2.
    """
    if norm:
        backbone = dict(
            type='mmpretrain.ResNet',
            depth=18,
            stem_channels=8,
            base_channels=8,
            strides=(1, 2, 1, 1),
        )
        split = dict(
            point='layer3', bridge=dict(type='torch.nn.MaxPool2d', kernel_size=2, stride=2)
        )
        channels = (32, 64)
    else:
        backbone = dict(
            type='mmpretrain.VGG', depth=11, num_stages=4, out_indices=(3,), dilations=(1,) * 4
        )
        split = dict(point='conv3_2', end='conv4_1')
        channels = (256, 512)
    cfg = dict(
        type=kind,
        backbone=backbone,
        split=split,
        head=dict(num_classes=num_classes, in_channels=channels[1], hidden_channels=16),
        data_preprocessor=dict(mean=[127.0] * 3, std=[64.0] * 3, to_rgb=True),
        test_cfg=test_cfg,
    )
    if kind == 'CAMClassifier':
        cfg['head']['type'] = 'CAMHead'
        return cfg
    cfg['generator'] = dict(
        type='ForegroundGenerator', num_classes=num_classes, in_channels=channels[0]
    )
    cfg['head'].update(
        type='BASHead',
        loss_fg=dict(type=CROSS_ENTROPY, loss_weight=0.5),
        loss_amc=dict(type='AMCLoss', area_weight=1.5),
    )
    return cfg


def tiny_model(*args, seed: int = 0, **kwargs):
    """The model of :func:`tiny_model_cfg`, initialised from a seed."""
    return _initialised(tiny_model_cfg(*args, **kwargs), seed)


def _initialised(cfg: dict, seed: int):
    torch.manual_seed(seed)
    model = MODELS.build(cfg)
    model.init_weights()
    return model


def tiny_multi_label_model_cfg(kind: str = 'BASSegClassifier', num_classes: int = 5) -> dict:
    """Config of a multi-label classifier on a ResNet18 with a few channels, without a bridge.

    F has 32 channels at 1/16 of the picture, the tail's output 64 at 1/16.
    """
    cfg = dict(
        type=kind,
        backbone=dict(
            type='mmpretrain.ResNet',
            depth=18,
            stem_channels=8,
            base_channels=8,
            strides=(1, 2, 2, 1),
        ),
        split=dict(point='layer3'),
        head=dict(type='MultiLabelCAMHead', num_classes=num_classes, in_channels=64),
    )
    if kind == 'BASSegClassifier':
        cfg['generator'] = dict(
            type='ForegroundGenerator', num_classes=num_classes, in_channels=32, bias=False
        )
        cfg['head'].update(
            type='BASSegHead',
            loss_fg=dict(type=CROSS_ENTROPY, loss_weight=0.2),
            loss_amc=dict(type='AMCLoss', area_weight=1.2),
        )
    return cfg


def tiny_multi_label_model(*args, seed: int = 0, **kwargs):
    """The model of :func:`tiny_multi_label_model_cfg`, initialised from a seed."""
    return _initialised(tiny_multi_label_model_cfg(*args, **kwargs), seed)


def samples_of(labels) -> list[DataSample]:
    """Data samples with these labels."""
    return [DataSample().set_gt_label(int(label)) for label in labels]


def total(losses: dict) -> torch.Tensor:
    """Sum of the loss terms, as mmengine's ``parse_losses`` sums them."""
    return sum(value for name, value in losses.items() if 'loss' in name)


class Moves(TorchDispatchMode):
    """Notes what is copied from one device to another: shape, where to, whether not waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[tuple[int, ...], str, bool | None]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.seen += [
                (tuple(source.shape), result.device.type, (kwargs or {}).get('non_blocking'))
                for source in args
                if isinstance(source, torch.Tensor) and source.device != result.device
            ]
        return result
