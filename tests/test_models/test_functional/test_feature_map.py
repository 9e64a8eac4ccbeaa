"""Features that do not fit a head: named by the config's key, where training meets them."""

import pytest
import torch
from tiny import samples_of, tiny_model_cfg, tiny_multi_label_model_cfg

from bas_mm.models.functional import require_channels, require_feature_map
from bas_mm.registry import MODELS

IMAGES = torch.zeros(2, 3, 32, 32)


@pytest.mark.parametrize(
    ('part', 'method'),
    [
        ('generator', 'BASClassifier'),
        ('head', 'BASClassifier'),
        ('head', 'CAMClassifier'),
        ('head', 'MultiLabelCAMClassifier'),
    ],
)
@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_channels_that_differ_from_the_config(part, method, mode):
    config_of = tiny_multi_label_model_cfg if 'MultiLabel' in method else tiny_model_cfg
    cfg = config_of(method)
    right = cfg[part]['in_channels']
    cfg[part]['in_channels'] = right + 1
    key = f'model.{part}.in_channels'
    message = rf'{key}={right + 1}, but .* gives {right} channels: set {key}={right}'
    with pytest.raises(ValueError, match=message):
        MODELS.build(cfg).eval()(IMAGES, samples_of((0, 1)), mode=mode)


@pytest.mark.parametrize(
    ('backbone', 'stages', 'found'),
    [
        (
            dict(type='mmpretrain.SwinTransformer', arch='tiny'),
            dict(a=['patch_embed', 'stages.0'], b=['stages.1']),
            'PatchEmbed gives tuple',
        ),
        (
            dict(type='mmpretrain.VisionTransformer', arch='deit-t', img_size=32, patch_size=16),
            dict(a=['patch_embed'], b=['layers.0']),
            'PatchEmbed gives tuple',
        ),
    ],
)
def test_networks_of_tokens_are_refused(backbone, stages, found):
    cfg = tiny_model_cfg('CAMClassifier')
    cfg.update(backbone=backbone, split=dict(point='a', stages=stages))
    with pytest.raises(ValueError, match=f'model.split: {found}, but a feature map'):
        MODELS.build(cfg)(IMAGES, samples_of((0, 1)), mode='loss')


def test_what_is_no_feature_map():
    with pytest.raises(ValueError, match=r'a stage gives \(2, 49, 8\), but a feature map'):
        require_feature_map(torch.zeros(2, 49, 8), 'a stage')
    require_feature_map(torch.zeros(2, 8, 7, 7), 'a stage')


def test_channels_that_come_last():
    """A height is not proposed as a number of channels."""
    with pytest.raises(ValueError, match='model.split: a stage gives ') as caught:
        require_channels(torch.zeros(2, 14, 14, 384), 384, 'model.generator.in_channels', 'a stage')
    assert str(caught.value) == (
        'model.split: a stage gives (2, 14, 14, 384), which looks like (N, h, w, C) with the C of '
        'model.generator.in_channels=384, but a feature map (N, C, h, w) is needed. Networks that '
        'hand on their channels last cannot be split'
    )
    # A wrong number that is the width of the map.
    with pytest.raises(ValueError, match=r'set model\.generator\.in_channels=384'):
        require_channels(torch.zeros(2, 384, 14, 14), 14, 'model.generator.in_channels', 'a stage')
    require_channels(torch.zeros(2, 14, 7, 14), 14, 'model.generator.in_channels', 'a stage')


@pytest.mark.parametrize('kind', [tuple, list])
def test_one_map_in_a_tuple(kind):
    with pytest.raises(ValueError, match='model.split: ') as caught:
        require_feature_map(kind([torch.zeros(2, 8, 7, 7)]), 'a stage')
    assert str(caught.value) == (
        f'model.split: a stage gives {kind.__name__}, but a feature map (N, C, h, w) is needed. '
        'Name a submodule within it that gives the tensor itself, or let it return that'
    )
    with pytest.raises(ValueError, match='Networks that hand on tokens'):
        require_feature_map(kind([torch.zeros(2, 49, 8), (7, 7)]), 'a stage')
