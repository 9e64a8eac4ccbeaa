import json

import pytest
import torch
import torchvision
from mmpretrain.models import backbones

from bas_mm.models.backbones import BASInceptionV3, MobileNetV1
from bas_mm.models.weights import detect_published_backbone, published_to_bas_mm, unwrap
from bas_mm.models.weights.key_maps import (
    published_mobilenet_v1,
    published_vgg,
    torchvision_mobilenet_v2,
    torchvision_vgg,
)


@pytest.mark.parametrize('depth', [11, 13, 16, 19])
@pytest.mark.parametrize('norm', [False, True])
def test_torchvision_vgg_names_meet_mmpretrain_of_every_depth(depth, norm):
    with torch.device('meta'):
        source = getattr(torchvision.models, f'vgg{depth}{"_bn" if norm else ""}')(weights=None)
        target = backbones.VGG(depth, norm_cfg=dict(type='BN') if norm else None)
    shapes = {k: v.shape for k, v in source.state_dict().items() if k.startswith('features')}
    renamed = {target: shapes[name] for name, target in torchvision_vgg(shapes).items()}
    assert renamed == {k: v.shape for k, v in target.state_dict().items()}


def test_torchvision_mobilenet_v2_names_meet_mmpretrain():
    with torch.device('meta'):
        source = torchvision.models.mobilenet_v2(weights=None)
        target = backbones.MobileNetV2()
    shapes = {k: v.shape for k, v in source.state_dict().items()}
    renamed = {target: shapes[name] for name, target in torchvision_mobilenet_v2(shapes).items()}
    assert renamed == {k: v.shape for k, v in target.state_dict().items()}
    assert set(shapes) - set(torchvision_mobilenet_v2(shapes)) == {
        'classifier.1.weight',
        'classifier.1.bias',
    }


def test_published_names_by_hand():
    assert published_vgg(
        ['conv1_1.weight', 'conv1_2.bias', 'conv2_1.weight', 'conv2_2.weight', 'conv3_1.bias']
    ) == {
        'conv1_1.weight': 'features.0.conv.weight',
        'conv1_2.bias': 'features.1.conv.bias',
        'conv2_1.weight': 'features.3.conv.weight',
        'conv2_2.weight': 'features.4.conv.weight',
        'conv3_1.bias': 'features.6.conv.bias',
    }
    # In any order.
    assert published_vgg(['conv2_1.bias', 'conv1_2.bias', 'conv1_1.bias']) == {
        'conv2_1.bias': 'features.3.conv.bias',
        'conv1_2.bias': 'features.1.conv.bias',
        'conv1_1.bias': 'features.0.conv.bias',
    }
    # A batch norm without a convolution before it, as of another network.
    assert torchvision_vgg(['features.0.weight', 'features.0.running_mean', 'x.weight']) == {}
    assert published_mobilenet_v1(
        ['model.0.0.weight', 'model.0.1.bias', 'model.3.4.running_mean', 'model.3.2.x', 'fc.weight']
    ) == {
        'model.0.0.weight': 'stem.conv.weight',
        'model.0.1.bias': 'stem.bn.bias',
        'model.3.4.running_mean': 'block3.pointwise_conv.bn.running_mean',
    }


@pytest.mark.parametrize(
    ('entry', 'name', 'build'),
    [
        ('vgg', 'vgg16', lambda: backbones.VGG(16, with_last_pool=False)),
        ('resnet', 'resnet50', lambda: backbones.ResNet(50, strides=(1, 2, 1, 1))),
        ('mobilenet', 'mobilenetv1', MobileNetV1),
        ('inception', 'inceptionv3', BASInceptionV3),
    ],
)
def test_published_checkpoints_fill_backbone_head_and_generator(golden_dir, entry, name, build):
    published = json.loads((golden_dir / 'wsol.json').read_text())[entry]['keys']
    assert detect_published_backbone(published) == name
    targets = published_to_bas_mm(published, name)
    assert set(targets) == set(published)
    shapes = {target: tuple(published[source]) for source, target in targets.items()}
    ours = {f'backbone.{k}': tuple(v.shape) for k, v in build().state_dict().items()}
    assert {k: v for k, v in shapes.items() if k.startswith('backbone.')} == ours
    assert set(shapes) - set(ours) == {
        'generator.conv.weight',
        'generator.conv.bias',
        *(f'head.classifier.{i}.{kind}' for i in (0, 2, 4) for kind in ('weight', 'bias')),
    }


def test_foreign_names_are_told():
    with pytest.raises(ValueError, match=r'not a published BAS network: .*blocks\.0\.attn'):
        detect_published_backbone(['blocks.0.attn.weight'])
    with pytest.raises(ValueError, match='is in it, but a, b, c, d, e …$'):
        detect_published_backbone(reversed('abcdefg'))


@pytest.mark.parametrize('prefix', ['', 'module.'])
@pytest.mark.parametrize('wrap', [None, 'model', 'state_dict'])
def test_unwrap(prefix, wrap):
    weights = {'a.weight': torch.ones(2), 'b': torch.zeros(3)}
    inside = {prefix + k: v for k, v in weights.items()}
    checkpoint = inside if wrap is None else {wrap: inside, 'epoch': 3, 'optimizer': {'lr': 1}}
    result = unwrap(checkpoint)
    assert list(result) == list(weights)
    assert all(result[k] is weights[k] for k in weights)


def test_unwrap_takes_what_is_there():
    a, b = torch.ones(2), torch.zeros(3)
    # Weights before what describes the model; a prefix that not all have is part of the names.
    assert unwrap({'model': {'name': 'resnet'}, 'state_dict': {'a': a}}) == {'a': a}
    assert list(unwrap({'module.a': a, 'b': b})) == ['module.a', 'b']
    assert unwrap({'a': a, 3: b, 'epoch': 3}) == {'a': a}


@pytest.mark.parametrize('checkpoint', [{}, {'epoch': 3}, {'model': {}}, [1, 2]])
def test_unwrap_without_weights(checkpoint):
    with pytest.raises(ValueError, match='no (named tensors|dict of weights)'):
        unwrap(checkpoint)


def test_bas_seg_is_told_from_the_localization_resnet():
    seg = ['layer1.0.conv1.weight', 'classifier_cls.weight', 'classifier_loc.0.weight']
    assert detect_published_backbone(seg) == 'bas_seg_resnet50'
    assert detect_published_backbone(['layer1.0.conv1.weight', 'classifier_cls.4.weight']) == (
        'resnet50'
    )
    assert published_to_bas_mm(seg, 'bas_seg_resnet50') == {
        'layer1.0.conv1.weight': 'backbone.layer1.0.conv1.weight',
        'classifier_cls.weight': 'head.classifier.weight',
        'classifier_loc.0.weight': 'generator.conv.weight',
    }
