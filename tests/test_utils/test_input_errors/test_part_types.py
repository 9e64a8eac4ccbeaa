"""Types of parts that are not there, and packages that they need."""

from importlib.util import find_spec

import pytest
from failing_calls import said_of
from mmengine.registry import DefaultScope
from torch import nn
from torch.optim import SGD

from bas_mm.registry import DATASETS, MODELS, TRANSFORMS
from bas_mm.utils.input_errors import describe_input_error

CUSTOM = 'Modules of your own are made known by custom_imports'


@pytest.mark.parametrize(
    ('kind', 'policies', 'name'),
    [('RandAugment', 'timm_increasing', 'AutoContrast'), ('AutoAugment', 'imagenet', 'Posterize')],
)
def test_transforms_that_name_others_of_their_package(description, data, kind, policies, name):
    """mmpretrain's named policies are lists of transforms of mmpretrain, without a scope."""
    augment = dict(type=f'mmpretrain.{kind}', policies=policies)
    if kind == 'RandAugment':
        augment.update(num_policies=2, magnitude_level=9)
    pipeline = [dict(type='LoadLocImage'), augment, dict(type='PackLocalizationInputs')]
    assert description(train_dataloader__dataset__pipeline=pipeline) == (
        f'train_dataloader.dataset.pipeline.1: mmpretrain.{kind} asks for {name}, a name of the '
        "scope mmpretrain: add _scope_='mmpretrain' to it"
    )
    augment['_scope_'] = 'mmpretrain'
    with DefaultScope.overwrite_default_scope('bas_mm'):
        assert TRANSFORMS.build(augment).transforms


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (
            dict(train_dataloader__dataset__type='SplitFoldr'),
            "train_dataloader.dataset.type='SplitFoldr': there is no dataset of this name; like "
            f'it are SplitFolder. {CUSTOM}',
        ),
        (
            dict(train_dataloader__dataset__pipeline__0__type='Qqqq'),
            f"train_dataloader.dataset.pipeline.0.type='Qqqq': there is no transform of this "
            f'name. {CUSTOM}',
        ),
        (
            dict(model__backbone=dict(_delete_=True, type='EfficentNet')),
            "model.backbone.type='EfficentNet': there is no model of this name; like it are "
            'mmpretrain.EfficientNet, mmpretrain.EfficientNetV2, '
            f'mmpretrain.EfficientFormer. {CUSTOM}',
        ),
        (
            dict(model__backbone=dict(_delete_=True, type='mmpretrain.ConvNext')),
            "model.backbone.type='mmpretrain.ConvNext': there is no model of this name; like "
            f'it are mmpretrain.ConvNeXt, Conv, mmpretrain.SparseConvNeXt. {CUSTOM}',
        ),
        (
            dict(optim_wrapper__optimizer__type='SDG'),
            f"optim_wrapper.optimizer.type='SDG': there is no optimizer of this name; like it are "
            f'SGD. {CUSTOM}',
        ),
    ],
)
def test_types_that_are_not_there(description, settings, expected):
    said = description(**settings)
    assert said.startswith(expected)
    assert '\n' not in said


def needing():
    """Registered parts that cannot be built without something, and what is said of each."""

    class AsksInWords(nn.Module):
        def __init__(self):
            raise ImportError('AsksInWords needs a package: pip install it')

    class LacksAPackage(nn.Module):
        def __init__(self):
            import a_package_that_is_not_there  # noqa: F401

    class LacksAModuleOfAPackage(nn.Module):
        def __init__(self):
            import torch.a_module_that_is_not_there  # noqa: F401

    class LacksAName(nn.Module):
        def __init__(self):
            from torch import a_name_that_is_not_there  # noqa: F401

    return [
        (AsksInWords, 'model.backbone: AsksInWords needs a package: pip install it'),
        (
            LacksAPackage,
            'model.backbone: LacksAPackage needs the package a_package_that_is_not_there, which is '
            'not installed',
        ),
        (LacksAModuleOfAPackage, None),
        (LacksAName, None),
    ]


@pytest.mark.parametrize(('part', 'expected'), needing(), ids=lambda part: str(part)[-30:])
def test_packages_that_a_part_needs(description, part, expected, monkeypatch):
    monkeypatch.setitem(MODELS.module_dict, part.__name__, part)
    assert description(model__backbone=dict(_delete_=True, type=part.__name__)) == expected


@pytest.mark.skipif(find_spec('timm') is not None, reason='timm is installed')
def test_a_backbone_of_timm_without_timm(description):
    said = description(
        model__backbone=dict(_delete_=True, type='mmpretrain.TIMMBackbone', model_name='resnet18')
    )
    assert said.startswith('model.backbone: TIMMBackbone requires timm, please install it')
    assert '\n' not in said


def test_a_package_that_is_missing_where_nothing_is_built(description, monkeypatch):
    def lacks(*args, **kwargs):
        raise ModuleNotFoundError("No module named 'absent'", name='absent')

    monkeypatch.setattr(nn.Module, 'train', lacks)
    assert description() is None


@pytest.mark.parametrize(
    ('message', 'cfg'),
    [
        ('None is not a callable object', {}),
        ('None is not a callable object', dict(optim_wrapper=None)),
        ('None is not a callable object', dict(optim_wrapper=dict(optimizer=None))),
        ('None is not a callable object', dict(optim_wrapper=dict(optimizer=dict(type='SGD')))),
        ('None is not a callable object', dict(optim_wrapper=dict(optimizer=dict(type=SGD)))),
        ('another', dict(optim_wrapper=dict(optimizer=dict(type='SDG')))),
    ],
)
def test_what_is_no_unknown_optimizer(message, cfg):
    def fail():
        raise TypeError(message)

    assert said_of(fail, cfg=cfg) is None


def test_names_of_other_registries_are_not_proposed(data):
    cfg = dict(dataset=dict(type='BASHed'))
    with pytest.raises(KeyError) as caught:
        DATASETS.build(cfg['dataset'])
    assert 'like it' not in describe_input_error(caught.value, cfg)
