"""Generators and heads of a user's own: what they must offer, and what is said otherwise."""

import pytest
import torch
import torch.nn as nn
from mmengine.model import BaseModule
from tiny import (
    samples_of,
    tiny_model,
    tiny_model_cfg,
    tiny_multi_label_model,
    tiny_multi_label_model_cfg,
    total,
)

from bas_mm.models.functional import take_maps
from bas_mm.registry import MODELS

IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


class Generator(BaseModule):
    """Maps of all classes, whatever is asked for."""

    def __init__(self, num_classes, in_channels, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, num_classes, 1, stride)

    def forward(self, features, classes=None):
        return self.conv(features).sigmoid()


class Chosen(Generator):
    """The contract: those of the classes that are asked for."""

    def forward(self, features, classes=None):
        return take_maps(super().forward(features), classes)


class WithoutClasses(Generator):
    def forward(self, features):
        return super().forward(features)


class Head(BaseModule):
    """It has what CAM needs, but not what BAS needs."""

    def __init__(self, num_classes, in_channels, **kwargs):
        super().__init__()
        self.num_classes = num_classes
        self.fc = nn.Conv2d(in_channels, num_classes, 1)

    def forward(self, features):
        return self.fc(features)

    def loss(self, class_maps, *targets):
        return dict(loss_cls=class_maps.mean())


class LinearHead(Head):
    def classifier_parts(self):
        return [], nn.Linear(2, 2)


OWN = (Generator, Chosen, WithoutClasses, Head, LinearHead)


@pytest.fixture(autouse=True)
def registered():
    for kind in OWN:
        MODELS.register_module(name=f'Own{kind.__name__}', module=kind)
    yield
    for kind in OWN:
        MODELS.module_dict.pop(f'Own{kind.__name__}')


def _with(part, kind, config_of=tiny_model_cfg, classifier='BASClassifier', **kwargs):
    cfg = config_of(classifier)
    cfg[part] = dict(
        type=f'Own{kind.__name__}',
        num_classes=cfg['head']['num_classes'],
        in_channels=cfg[part]['in_channels'],
        **kwargs,
    )
    return cfg


@pytest.mark.parametrize('config_of', [tiny_model_cfg, tiny_multi_label_model_cfg])
def test_a_generator_of_ones_own(config_of):
    kind = 'BASClassifier' if config_of is tiny_model_cfg else 'BASSegClassifier'
    model = MODELS.build(_with('generator', Chosen, config_of, kind))
    losses = model(IMAGES, samples_of((0, 1)), mode='loss')
    total(losses).backward()
    assert model.generator.conv.weight.grad is not None
    assert model(IMAGES)[1].shape[1] == model.head.num_classes


@pytest.mark.parametrize(
    ('kind', 'side', 'mode'),
    [
        ('BASClassifier', 4, 'loss'),
        ('BASClassifier', 4, 'predict'),
        ('BASSegClassifier', 2, 'loss'),
    ],
)
def test_a_generator_that_gives_other_maps_than_those_asked_for(kind, side, mode):
    # As many classes as F has channels: without the check nothing fails.
    config_of = tiny_model_cfg if kind == 'BASClassifier' else tiny_multi_label_model_cfg
    cfg = config_of(kind, num_classes=32)
    cfg['generator'] = dict(type='OwnGenerator', num_classes=32, in_channels=32)
    model = MODELS.build(cfg)
    with pytest.raises(ValueError) as caught:
        model(IMAGES, samples_of((0, 1)), mode=mode)
    assert str(caught.value) == (
        f'model.generator: Generator gives (2, 32, {side}, {side}) for the maps of 1 of the '
        f'classes of each picture, but (2, 1, {side}, {side}) is needed: (N, K or C, h, w) of the '
        'size of F and, where classes are given, of those alone'
    )
    assert model.eval().localization_maps(IMAGES).shape == (2, 32, side, side)


def test_a_generator_that_gives_maps_of_another_size():
    model = MODELS.build(_with('generator', Chosen, stride=2)).eval()
    with pytest.raises(ValueError, match=r'gives \(2, 4, 2, 2\) .* of all classes, but \(2, 4, 4'):
        model(IMAGES)
    with pytest.raises(ValueError, match=r'gives \(2, 1, 2, 2\) .* but \(2, 1, 4, 4\) is needed'):
        model(IMAGES, samples_of((0, 1)), mode='loss')


def test_a_generator_that_takes_no_classes():
    message = r'the forward pass of WithoutClasses is called as forward\(features, classes\)'
    with pytest.raises(ValueError, match=f'model.generator: {message}'):
        MODELS.build(_with('generator', WithoutClasses))


def test_a_head_that_lacks_something():
    with pytest.raises(ValueError) as caught:
        MODELS.build(_with('head', Head))
    assert str(caught.value) == (
        'model.head: Head has no classifier_parts. A head of BASClassifier has num_classes, '
        'loss(class_maps, ...) -> dict of losses, classifier_parts() -> (hidden modules, last '
        'Conv2d), and forward(features) -> class maps (N, num_classes, h, w): make yours a '
        'subclass of one of the heads in bas_mm.models'
    )
    message = r'Head has no predict and no classifier_parts\. A head of BASSegClassifier has '
    with pytest.raises(ValueError, match=f'^model.head: {message}'):
        MODELS.build(_with('head', Head, tiny_multi_label_model_cfg, 'BASSegClassifier'))
    cfg = _with('head', Head)
    cfg['head'] = dict(type='torch.nn.Conv2d', in_channels=64, out_channels=4, kernel_size=1)
    with pytest.raises(ValueError, match='Conv2d has no num_classes and no loss and no classifier'):
        MODELS.build(cfg)
    with pytest.raises(ValueError, match='of LinearHead gives Linear for the last layer, but a Co'):
        MODELS.build(_with('head', LinearHead))


def test_a_head_of_cam_needs_less():
    model = MODELS.build(_with('head', Head, classifier='CAMClassifier'))
    assert model(IMAGES, samples_of((0, 1)), mode='loss').keys() == {'loss_cls'}


def test_ours_have_what_they_need():
    for model in (tiny_model(), tiny_multi_label_model(), tiny_model('CAMClassifier')):
        assert all(hasattr(model.head, name) for name in model.head_needs())
    assert set(tiny_model().head_needs()) == {'num_classes', 'loss', 'classifier_parts'}
