"""Fronts and tails of many families against the backbone's own forward pass."""

import pytest
import torch
import torch.nn as nn
import torchvision
from mmengine.model.utils import revert_sync_batchnorm

from bas_mm.models import BackboneSplit
from bas_mm.models.splits import stage_table, stage_table_of, stage_tables
from bas_mm.registry import MODELS

BACKBONES = {
    'resnet18': dict(type='mmpretrain.ResNet', depth=18),
    'resnet50': dict(type='mmpretrain.ResNet', depth=50),
    'resnetv1d50': dict(type='mmpretrain.ResNetV1d', depth=50),
    'resnext50': dict(type='mmpretrain.ResNeXt', depth=50, groups=32, width_per_group=4),
    'seresnet50': dict(type='mmpretrain.SEResNet', depth=50),
    'res2net50': dict(type='mmpretrain.Res2Net', depth=50, scales=4, base_width=26),
    'resnet18_cifar': dict(type='mmpretrain.ResNet_CIFAR', depth=18),
    'regnetx': dict(type='mmpretrain.RegNet', arch='regnetx_400mf'),
    'vgg16': dict(type='mmpretrain.VGG', depth=16),
    'vgg11_bn': dict(type='mmpretrain.VGG', depth=11, norm_cfg=dict(type='BN')),
    'mobilenetv2': dict(type='mmpretrain.MobileNetV2'),
    'mobilenetv3': dict(type='mmpretrain.MobileNetV3', arch='small'),
    'efficientnet': dict(type='mmpretrain.EfficientNet', arch='b0'),
    'efficientnetv2': dict(type='mmpretrain.EfficientNetV2', arch='b0'),
    'shufflenetv2': dict(type='mmpretrain.ShuffleNetV2'),
    'convnext': dict(type='mmpretrain.ConvNeXt', arch='atto', gap_before_final_norm=False),
    'densenet121': dict(type='mmpretrain.DenseNet', arch='121'),
    'repvgg': dict(type='mmpretrain.RepVGG', arch='A0', out_indices=(3,)),
    'mobileone': dict(type='mmpretrain.MobileOne', arch='s0'),
    'cspresnet': dict(type='mmpretrain.CSPResNet', depth=50),
    'mobilenetv1': dict(type='MobileNetV1', widen_factor=0.25),
    'inceptionv3': dict(type='BASInceptionV3'),
}


def _build(name: str, **kwargs) -> nn.Module:
    backbone = MODELS.build(dict(BACKBONES[name], **kwargs))
    backbone.eval()  # mmpretrain's train() does not return the module
    return backbone


@pytest.mark.parametrize('name', BACKBONES)
def test_front_then_tail_is_the_backbone(name):
    torch.manual_seed(0)
    backbone = _build(name)
    points = list(stage_table(backbone))
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = backbone(images)[-1]
        for point in (points[0], points[len(points) // 2], points[-2]):
            split = BackboneSplit(backbone, point)
            features = split.front(backbone, images)
            assert torch.equal(split.tail(backbone, features), expected), point


def test_bridge_comes_first_in_the_tail():
    backbone = _build('resnet18', strides=(1, 2, 1, 1))
    bridge = dict(type='torch.nn.MaxPool2d', kernel_size=2, stride=2)
    split = BackboneSplit(backbone, 'layer3', bridge=bridge)
    with torch.no_grad():
        features = split.front(backbone, torch.randn(1, 3, 224, 224))
        assert features.shape == (1, 256, 28, 28)
        expected = backbone.layer4(nn.functional.max_pool2d(features, 2))
        assert torch.equal(split.tail(backbone, features), expected)
    assert expected.shape == (1, 512, 14, 14)


def test_unknown_point_names_those_there_are():
    backbone = MODELS.build(BACKBONES['resnet18'])
    with pytest.raises(ValueError, match=r"split.point='layer7'.*stem, layer1, layer2, layer3"):
        BackboneSplit(backbone, 'layer7')
    with pytest.raises(ValueError, match=r"split.end='x'.*ResNet; it has: stem"):
        BackboneSplit(backbone, 'layer3', end='x')
    with pytest.raises(ValueError, match='must come after'):
        BackboneSplit(backbone, 'layer3', end='layer2')


def test_unknown_family_says_how_to_name_the_stages():
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    with pytest.raises(ValueError, match=r'Sequential has no stage table.*model.split') as error:
        BackboneSplit(backbone, 'a')
    assert 'BASInceptionV3, MobileNetV1' in str(error.value)
    stages = dict(a=['0', '1'], b=['2'])
    assert stage_table(backbone, stages) == dict(a=('0', '1'), b=('2',))
    split = BackboneSplit(backbone, 'a', stages=stages)
    images = torch.randn(1, 3, 9, 9)
    assert torch.equal(split.tail(backbone, split.front(backbone, images)), backbone(images))
    with pytest.raises(ValueError, match="no submodule '7'"):
        BackboneSplit(backbone, 'a', stages=dict(a=['0'], b=['7']))
    assert 'tokens (ViT, Swin) cannot be split' in str(error.value)
    listed = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ModuleList([nn.Conv2d(4, 5, 3)]))
    with pytest.raises(ValueError, match=r"'1' of Sequential is a collection .*, such as 1\.0\."):
        BackboneSplit(listed, 'a', stages=dict(a=['0'], b=['1']))


def test_other_packages_networks_of_the_same_name_have_no_table():
    # torchvision's ResNet has other attributes than mmpretrain's.
    message = (
        r"ResNet has no stage table \(it is torchvision's; type='mmpretrain\.ResNet' has one\)"
    )
    with pytest.raises(ValueError, match=message):
        stage_table(torchvision.models.resnet18())

    class Mine(MODELS.get('mmpretrain.ResNet')):  # the table is that of the forward pass
        pass

    assert next(iter(stage_table(Mine(18)))) == 'stem'


def test_a_table_that_others_register_is_that_of_their_class(monkeypatch):
    monkeypatch.setattr(stage_tables, '_TABLES', dict(stage_tables._TABLES))

    class MyNet(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)

    stage_table_of('MyNet')(lambda backbone: {'a': ('0',), 'b': ('1',)})
    assert list(stage_table(MyNet(nn.ReLU(), nn.ReLU()))) == ['a', 'b']


def test_stages_after_the_end_take_no_gradient():
    backbone = MODELS.build(BACKBONES['vgg11_bn'])
    BackboneSplit(backbone, 'conv3_2', end='conv4_2')
    frozen = {n.split('.')[1] for n, p in backbone.named_parameters() if not p.requires_grad}
    # VGG11: conv3_2 is features.5, pool3 6, conv4_1 and conv4_2 7 and 8, pool4 9, conv5_* 10, 11.
    assert frozen == {'10', '11'}


def test_modules_are_looked_up_anew_after_a_conversion():
    backbone = nn.SyncBatchNorm.convert_sync_batchnorm(_build('resnet18'))
    split = BackboneSplit(backbone, 'layer3')
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        expected = split.front(backbone, images)
        reverted = revert_sync_batchnorm(backbone)
        assert not any(
            isinstance(m, nn.SyncBatchNorm) for m in split.tail_modules(reverted)[0].modules()
        )
        torch.testing.assert_close(split.front(reverted, images), expected)
