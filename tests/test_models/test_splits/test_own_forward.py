"""Tables of stages that are not the backbone's own forward pass."""

import copy
import logging
import pickle
from contextlib import contextmanager

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from tiny import samples_of, tiny_model, tiny_model_cfg
from tiny_irn import tiny_irn_cfg

from bas_mm.models import BackboneSplit
from bas_mm.models.splits import difference_from_forward, stage_table_of, stage_tables
from bas_mm.registry import MODELS

IMAGES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
STAGES = dict(a=['conv1', 'bn1'], b=['conv2', 'bn2'], c=['conv3', 'bn3'])


class Steps(BaseModule):
    """Three convolutions with norms; ``between`` comes after each norm, ``last`` after the last."""

    def __init__(self, between=None, last=None, classes=None):
        super().__init__()
        channels = (3, 8, 16, 32)
        for i in (1, 2, 3):
            self.add_module(f'conv{i}', nn.Conv2d(channels[i - 1], channels[i], 3, 2, 1))
            self.add_module(f'bn{i}', nn.BatchNorm2d(channels[i]))
        self.drop = nn.Dropout()
        self.fc = nn.Linear(classes, 2) if classes else None
        self.between = between or (lambda x: x)
        self.last = last or (lambda x: x)

    def forward(self, x):
        for i in (1, 2):
            x = self.between(self.get_submodule(f'bn{i}')(self.get_submodule(f'conv{i}')(x)))
        x = self.last(self.bn3(input=self.conv3(self.drop(x))))
        return x if self.fc is None else self.fc(x.flatten(1))


@contextmanager
def warnings_of():
    """The warnings that come to the log meanwhile."""
    found = []
    logger = MMLogger.get_current_instance()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: found.append(record.getMessage())
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)


def difference(backbone, stages=STAGES, end=None, **kwargs):
    return BackboneSplit(backbone, 'a', end, stages=stages, **kwargs).check.difference(
        backbone, IMAGES
    )


def test_a_chain_of_modules_does_not_differ():
    assert difference(Steps()) is None
    assert difference(Steps(), bridge=dict(type='torch.nn.MaxPool2d', kernel_size=2)) is None
    # Class scores are no features, and may be of pictures of another size.
    assert difference(Steps(classes=32 * 4 * 4)) is None
    assert difference(Steps(classes=7)) is None
    # What comes after the last stage that is used.
    assert difference(Steps(last=torch.relu), end='b') is None
    assert difference(Steps(), dict(a=STAGES['a'], b=STAGES['b'])) is None


@pytest.mark.parametrize('step', [torch.relu, torch.relu_, lambda x: F.max_pool2d(x, 1) + 1])
def test_a_step_between_two_modules(step):
    said = "in Steps's own forward pass 'conv2' is not given what 'bn1' returns"
    assert difference(Steps(step)) == said
    assert difference(Steps(step), end='b') == said


def test_a_step_behind_the_last_module():
    said = "in Steps's own forward pass something follows what 'bn3' returns"
    assert difference(Steps(last=torch.relu)) == said
    assert difference(Steps(last=torch.relu_)) == said


def test_a_step_before_the_first_module_and_modules_that_are_not_called():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
    assert difference_from_forward(net, ['1', '2'], IMAGES) == (
        "in Sequential's own forward pass '1' is not given the pictures"
    )
    net.add_module('fc', nn.Sequential())
    net.forward = lambda x: net[2](net[1](net[0](x)))
    assert difference_from_forward(net, ['0', '1', '2', 'fc'], IMAGES) == (
        "in Sequential's own forward pass 'fc' is not called"
    )


def test_a_map_in_a_tuple_is_left_to_what_runs_the_chain():
    class Wrapped(nn.Conv2d):
        def forward(self, x):
            return (super().forward(x),)

    net = nn.Sequential(nn.Conv2d(3, 3, 3), Wrapped(3, 3, 3))
    assert difference_from_forward(net, ['0', '1'], IMAGES) is None


def test_a_sequence_whose_children_are_called_one_by_one():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            relu, conv = nn.ReLU(), nn.Conv2d(4, 4, 3)
            inner = nn.Sequential(conv, relu, conv, relu)
            self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), inner, nn.Sequential(nn.ReLU()))
            self.last = nn.Conv2d(4, 5, 3)
            self.left_out = ()

        def forward(self, x):
            for layer in (self.layers[0], *self.layers[1], self.layers[2]):
                x = x if layer in self.left_out else layer(x)
            return self.last(x)

    assert difference_from_forward(Loop(), ['layers', 'last'], IMAGES) is None
    own = "in Loop's own forward pass"
    net = Loop()
    net.left_out = (net.layers[2],)
    said = f"{own} 'layers.2' is not called"
    assert difference_from_forward(net, ['layers', 'last'], IMAGES) == said
    net.left_out = (net.layers[1][1],)
    said = f"{own} 'layers.1.1' is not called"
    assert difference_from_forward(net, ['layers', 'last'], IMAGES) == said
    net.forward = lambda x: net.last(F.pad(x, (0, 0, 0, 0, 0, 1)))
    said = f"{own} 'layers' is not called"
    assert difference_from_forward(net, ['layers', 'last'], IMAGES) == said


def test_one_module_that_is_run_twice():
    conv, relu = nn.Conv2d(3, 3, 3), nn.ReLU()
    assert difference_from_forward(nn.Sequential(conv, relu, conv), ['0', '1', '0'], IMAGES) is None


def test_what_the_look_leaves_as_it_was():
    backbone = Steps().train()
    backbone.bn1.eval()
    before = copy.deepcopy(backbone.state_dict())
    state = torch.get_rng_state()
    assert difference(backbone) is None
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in backbone.state_dict().items())
    assert [m.training for m in (backbone, backbone.bn1, backbone.bn2)] == [True, False, True]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in backbone.modules())


def _cfg(backbone: dict, **split) -> dict:
    cfg = tiny_model_cfg('CAMClassifier')
    cfg.update(backbone=backbone, split=dict(point='a', **split))
    cfg['head']['in_channels'] = 32
    return cfg


@pytest.fixture
def steps():
    MODELS.register_module(name='StepsOfTests', module=Steps)
    yield 'StepsOfTests'
    MODELS.module_dict.pop('StepsOfTests')


def test_the_first_training_step_says_it_once(steps):
    for between, expected in ((torch.relu, 1), (None, 0)):
        cfg = _cfg(dict(type=steps, between=between), stages=STAGES)
        model = MODELS.build(cfg).train()
        with warnings_of() as found:
            model(IMAGES, samples_of((0, 1, 2, 3)), mode='predict')
            assert found == []
            for _ in range(2):
                model(IMAGES, samples_of((0, 1, 2, 3)), mode='loss')
        assert len(found) == expected
        for text in found:
            assert text.startswith(
                "model.split.stages: in Steps's own forward pass 'conv2' is not given what 'bn1' "
            )
            assert 'make a small nn.Module of what a function does' in text
    pickle.dumps(model.split.check)


def test_the_look_leaves_no_weights_without_gradients_to_autocast(steps):
    autocast = []

    def between(x):
        autocast.append(torch.is_autocast_enabled('cpu'))
        return x

    model = MODELS.build(_cfg(dict(type=steps, between=between), stages=STAGES)).train()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model(IMAGES, samples_of((0, 1, 2, 3)), mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert autocast == [False, False]
    without = {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert not without
    # Of the type of their images.
    assert difference_from_forward(Steps().bfloat16(), ['conv1'], IMAGES.bfloat16()) is None
    said = "in Steps's own forward pass 'bn1' is not given the pictures"
    assert difference_from_forward(Steps().bfloat16(), ['bn1'], IMAGES.bfloat16()) == said


def test_tables_of_this_package_cost_no_forward_pass(monkeypatch):
    model = tiny_model('CAMClassifier')
    monkeypatch.setattr(type(model.backbone), 'forward', None)
    model(IMAGES, samples_of((0, 1, 2, 3)), mode='loss')
    for kind in ('MobileNetV1', 'BASInceptionV3'):
        backbone = MODELS.build(dict(type=kind))
        assert not BackboneSplit(backbone, *_first_of(backbone)).check.pending

        class Other(type(backbone)):
            def forward(self, x):
                return super().forward(x)

        assert BackboneSplit(Other(), *_first_of(backbone)).check.pending


def _first_of(backbone):
    return list(backbone.stages())[:1]


def test_a_method_stages_of_a_users_own_is_named(steps, monkeypatch):
    monkeypatch.setattr(Steps, 'stages', lambda self: STAGES, raising=False)
    model = MODELS.build(_cfg(dict(type=steps, between=torch.relu))).train()
    with warnings_of() as found:
        model(IMAGES, samples_of((0, 1, 2, 3)), mode='loss')
    assert [text[:16] for text in found] == ['Steps.stages(): ']


def test_what_a_class_is_named_does_not_make_its_stages_tried(monkeypatch):
    monkeypatch.setattr(stage_tables, '_TABLES', dict(stage_tables._TABLES))
    theirs = MODELS.get('mmpretrain.ResNet')

    class ResNet(theirs):
        def forward(self, x):
            return super().forward(x + 1)

    own = "in ResNet's own forward pass 'conv1' is not given the pictures. "
    default = "model.split.stages (not given: those of mmpretrain's ResNet)"
    assert not BackboneSplit(theirs(18), 'layer3').check.pending
    assert _said_of(ResNet(18), 'layer3') == [f'{default}: {own}']
    # A table of somebody else's for the same name.
    table = stage_tables._TABLES['ResNet']
    stage_table_of('ResNet')(lambda backbone: table(backbone))
    assert _said_of(ResNet(18), 'layer3') == [f"stage_table_of('ResNet'): {own}"]
    assert BackboneSplit(theirs(18), 'layer3').check.pending


def _said_of(backbone, point):
    with warnings_of() as found:
        BackboneSplit(backbone, point).check.once(backbone, IMAGES)
    return [text.partition('The stages are run')[0] for text in found]


def test_a_table_that_others_register_and_that_forgets_modules(monkeypatch):
    monkeypatch.setattr(stage_tables, '_TABLES', dict(stage_tables._TABLES))
    stage_table_of('Steps')(lambda backbone: dict(a=['conv1'], b=['conv2', 'bn2']))
    with warnings_of() as found:
        BackboneSplit(Steps(), 'a')
    assert [text.partition(' of ')[0] for text in found] == [
        "stage_table_of('Steps'): no stage runs bn1"
    ]


def test_irnet_says_it_too():
    cfg = tiny_irn_cfg()
    names = ('conv1', 'bn1', 'maxpool')  # without the ReLU
    stages = dict(stem=names, **{f'layer{i}': [f'layer{i}'] for i in (1, 2, 3, 4)})
    labels = torch.zeros(1, 64, 64, dtype=torch.long)
    labels[:, 9:, 9:] = 1
    sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
    forgotten = dict(stages, stem=['conv1', 'relu', 'maxpool'])
    with warnings_of() as found:
        MODELS.build(dict(cfg, stages=forgotten))
    assert [text.partition(' of ')[0] for text in found] == ['model.stages: no stage runs bn1']
    for given, expected in ((dict(stages=stages), 1), ({}, 0)):
        model = MODELS.build({**cfg, **given}).train()
        with warnings_of() as found:
            model(torch.rand(1, 3, 64, 64), [sample], mode='loss')
        assert len(found) == expected
        for text in found:
            assert text.startswith("model.stages: in ResNet's own forward pass 'maxpool' is not ")


def test_modules_that_a_table_forgets_are_named():
    net = nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(4, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())),
        nn.Dropout(),
        nn.Sequential(nn.Conv2d(4, 4, 3)),
        nn.Conv2d(4, 5, 3),
        nn.Linear(5, 2),
    )
    stages = dict(a=['0'], b=['1.0', '4'])
    with warnings_of() as found:
        BackboneSplit(net, 'a', stages=stages)
    assert found == [
        'model.split.stages: no stage runs 1.1, 3 of Sequential, which stays frozen. If it belongs '
        'between the pictures and the last stage, name it there'
    ]
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    assert {name[0] for name in frozen} == {'1', '3', '5'}
    # Without parameters, and after the end.
    with warnings_of() as found:
        BackboneSplit(net, 'a', 'b', stages=dict(a=['0'], b=['1.0', '1.1'], c=['4']))
    assert found == []
