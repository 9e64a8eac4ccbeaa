"""Every config: it loads, its model builds, and the recipe is the one of wsol.md's tables."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from tiny import samples_of, total

from bas_mm.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
ALL = sorted(p.relative_to(CONFIGS).as_posix() for p in CONFIGS.glob('[!_]*/*.py'))

# data -> (epochs, step, batch over all GPUs by backbone), wsol.md "Recipes".
SCHEDULES = {'cub': (120, 80), 'ilsvrc': (9, 3)}
# (data, backbone) -> α, β, K, θ
RECIPES = {
    ('cub', 'vgg16'): (0, 0.9, 80, 0.1),
    ('cub', 'mobilenetv1'): (0.5, 1.9, 80, 0.1),
    ('cub', 'resnet50'): (0.5, 1.5, 200, 0.1),
    ('cub', 'inceptionv3'): (0.5, 1, 200, 0.1),
    ('ilsvrc', 'vgg16'): (0.05, 1, 1, 0.45),
    ('ilsvrc', 'mobilenetv1'): (0.5, 1.5, 1, 0.5),
    ('ilsvrc', 'resnet50'): (1, 2, 1, 0.25),
    ('ilsvrc', 'inceptionv3'): (1, 2.5, 1, 0.25),
}
# backbone -> channels of F and of the tail, wsol.md "Networks".
CHANNELS = {
    'vgg16': (512, 512),
    'mobilenetv1': (512, 1024),
    'resnet50': (1024, 2048),
    'inceptionv3': (768, 2048),
}


def _load(name: str) -> Config:
    return Config.fromfile(CONFIGS / name)


def _model(cfg: Config):
    return MODELS.build(cfg.model)


@pytest.mark.parametrize('name', ALL)
def test_every_config_builds_and_every_weight_learns(name):
    cfg = _load(name)
    assert cfg.default_scope == 'bas_mm'
    model = _model(cfg)
    # The smallest pictures that leave two pixels after the coarsest tail (1/32).
    model.eval()
    total(model(torch.randn(1, 3, 64, 64), samples_of([1]), mode='loss')).backward()
    silent = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []


@pytest.mark.parametrize(('data', 'backbone'), RECIPES)
def test_recipe_of_the_table(data, backbone):
    alpha, beta, k, theta = RECIPES[data, backbone]
    epochs, step = SCHEDULES[data]
    cfg = _load(f'bas/bas_{backbone}_{data}.py')
    head = cfg.model.head
    assert (head.loss_fg.loss_weight, head.loss_amc.area_weight) == (alpha, beta)
    assert (cfg.model.test_cfg.topk, cfg.model.test_cfg.threshold) == (k, theta)
    assert cfg.test_evaluator.thresholds == cfg.val_evaluator.thresholds == theta
    assert cfg.model.get('init_cfg') is None
    assert head.num_classes == cfg.model.generator.num_classes == dict(cub=200, ilsvrc=1000)[data]
    assert (cfg.model.generator.in_channels, head.in_channels) == CHANNELS[backbone]

    cam = _load(f'cam/cam_{backbone}_{data}.py')
    assert cam.model.backbone == cfg.model.backbone
    assert cam.model.split == cfg.model.split
    for run in (cfg, cam):
        assert run.train_cfg.max_epochs == epochs
        assert (run.param_scheduler.step_size, run.param_scheduler.get('gamma')) == (step, 0.1)
        optimizer = dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=5e-4, nesterov=True)
        assert run.optim_wrapper.optimizer == optimizer
        assert run.optim_wrapper.constructor == 'RecipeOptimWrapperConstructor'
        assert run.optim_wrapper.get('paramwise_cfg') is None
        batch = 32 if data == 'cub' else 256 if backbone == 'vgg16' else 128
        assert run.auto_scale_lr.base_batch_size == batch
        assert run.train_dataloader.batch_size == (batch if data == 'cub' else batch // 4)
        assert run.sync_bn == 'torch'


@pytest.mark.parametrize('backbone', CHANNELS)
def test_sizes_of_the_published_networks(backbone):
    model = _model(_load(f'bas/bas_{backbone}_cub.py')).eval()
    with torch.no_grad():
        features, tail = model.extract_feat(torch.randn(1, 3, 224, 224))
    front_channels, tail_channels = CHANNELS[backbone]
    assert features.shape == (1, front_channels, 28, 28)
    assert tail.shape == (1, tail_channels, 14, 14)


@pytest.mark.parametrize('kind', ['bas', 'cam'])
@pytest.mark.parametrize('backbone', CHANNELS)
def test_initialisation_of_the_new_weights(kind, backbone):
    cfg = _load(f'{kind}/{kind}_{backbone}_cub.py').model
    cfg.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    convs = [m for m in model.head.classifier if isinstance(m, torch.nn.Conv2d)]
    convs += [model.generator.conv] if kind == 'bas' else []
    for conv in convs:
        assert not conv.bias.any()
        fan_in, fan_out = (conv.weight[0].numel(), conv.weight[:, 0].numel())
        bound = (6 / (fan_in + fan_out)) ** 0.5
        if backbone == 'vgg16':
            assert conv.weight.std().item() == pytest.approx(0.02, rel=0.02)
            assert conv.weight.abs().max() > 3 * 0.02  # a normal distribution has tails
        else:
            assert conv.weight.abs().max() <= bound
            assert conv.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.02)
