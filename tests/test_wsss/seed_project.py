"""A tiny data set of scenes and a small BAS-Seg network for the tests of the seed steps."""

from pathlib import Path

import torch

from bas_mm.datasets import SyntheticScenes
from bas_mm.registry import MODELS

SCALES = (1.0, 0.5, 1.5)

DATASET = dict(
    type='SyntheticScenes',
    num_train=7,
    num_val=2,
    num_classes=4,
    image_size=(40, 54),
    test_mode=True,
    pipeline=[
        dict(type='LoadLocImage'),
        dict(type='mmpretrain.PackInputs', meta_keys=('image_id', 'img_path', 'ori_shape')),
    ],
)

MODEL = dict(
    type='BASSegClassifier',
    backbone=dict(
        type='mmpretrain.ResNet', depth=18, stem_channels=8, base_channels=8, strides=(1, 2, 2, 1)
    ),
    split=dict(point='layer3'),
    generator=dict(type='ForegroundGenerator', num_classes=4, in_channels=32, bias=False),
    head=dict(
        type='BASSegHead',
        num_classes=4,
        in_channels=64,
        loss_fg=dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.2),
        loss_amc=dict(type='AMCLoss', area_weight=1.2),
    ),
    data_preprocessor=dict(
        type='LocalizationDataPreprocessor', mean=[120.0, 110, 100], std=[60.0] * 3, to_rgb=True
    ),
)


def scenes(root: Path) -> SyntheticScenes:
    """Seven training pictures."""
    cfg = {k: v for k, v in DATASET.items() if k != 'type'}
    return SyntheticScenes(data_root=str(root), **cfg)


def network(seed: int = 0) -> torch.nn.Module:
    """The network with weights that make maps of some contrast."""
    torch.manual_seed(seed)
    model = MODELS.build(MODEL)
    model.init_weights()
    for parameter in model.generator.parameters():
        parameter.data.mul_(4)
    return model
