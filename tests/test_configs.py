"""Every localization config: it loads, builds, and its recipe is the one of wsol.md's tables."""

from pathlib import Path

import pytest
import torch
import torchvision
from mmengine.config import Config
from mmengine.runner.checkpoint import get_torchvision_models
from tiny import samples_of, total

from bas_mm.evaluation.metrics.base_map_metric import BaseMapMetric
from bas_mm.models.weights import place_in_backbone
from bas_mm.registry import METRICS, MODELS
from bas_mm.utils.config_metrics import metrics_of

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
ALL = sorted(
    p.relative_to(CONFIGS).as_posix()
    for kind in ('bas', 'cam')
    for p in CONFIGS.glob(f'{kind}/*.py')
    if not p.stem.endswith('_fast')  # for GPUs; below
)
FINE_GRAINED = {'stanford_dogs': 120, 'stanford_cars': 196, 'fgvc_aircraft': 100}
NUM_CLASSES = {'cub': 200, 'ilsvrc': 1000, 'openimages30k': 100, **FINE_GRAINED}
# Networks that differ from CUB's or ILSVRC's in the number of classes at most. They run in
# test_config_runs.py.
VARIANTS = (*FINE_GRAINED, 'cubv2val', 'imagenetv2val', 'masks', 'release')
NETWORKS = [name for name in ALL if not name.removesuffix('.py').endswith(VARIANTS)]

# data -> (epochs, step, batch over all GPUs), wsol.md "Recipes".
SCHEDULES = {'cub': (120, 80, 32), 'ilsvrc': (9, 3, 128), 'openimages30k': (50, 20, 64)}
SCHEDULES.update(dict.fromkeys(FINE_GRAINED, SCHEDULES['cub']))
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
    ('openimages30k', 'resnet50'): (0.5, 1.5, 1, None),
}
# CUB's recipe by default; with K = 200 of 200 classes it takes the mean of all maps.
for _data, _count in FINE_GRAINED.items():
    for _backbone in ('vgg16', 'mobilenetv1', 'resnet50', 'inceptionv3'):
        _alpha, _beta, _k, _theta = RECIPES['cub', _backbone]
        RECIPES[_data, _backbone] = _alpha, _beta, _count if _k == 200 else _k, _theta
# backbone -> channels of F and of the tail, wsol.md "Networks".
CHANNELS = {
    'vgg16': (512, 512),
    'mobilenetv1': (512, 1024),
    'resnet50': (1024, 2048),
    'inceptionv3': (768, 2048),
}
# backbone -> the stage that ends in F.
FRONTS = {
    'vgg16': 'conv4_3',
    'mobilenetv1': 'block11',
    'resnet50': 'layer3',
    'inceptionv3': 'Mixed_6e',
}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
WITH_THRESHOLDS = ('val_evaluator', 'test_evaluator')
# data -> backbones of the configs of BAS, for the paper's sets and backbones.
PARTNERS: dict[str, list[str]] = {}
for _name in ALL:
    _kind, _backbone, _data = Path(_name).stem.split('_', maxsplit=2)
    if _kind == 'bas' and _backbone in CHANNELS:
        PARTNERS.setdefault(_data, []).append(_backbone)
# Those that begin with weights of torchvision's, of each network one.
PRETRAINED = (
    *(f'bas/bas_{name}_cub.py' for name in ('vgg16', 'vgg16bn', 'inceptionv3', 'mobilenetv2')),
    *(f'bas/bas_{name}_cub.py' for name in ('resnet18', 'resnet50', 'resnet101', 'resnext50')),
    *(f'wsss/{name}_resnet50_voc12.py' for name in ('bas_seg', 'cam', 'irn')),
    'deeplabv2/deeplabv2_r101_voc12aug-321x321_20k.py',
)


def _load(name: str) -> Config:
    return Config.fromfile(CONFIGS / name)


def _model(cfg: Config):
    return MODELS.build(cfg.model)


@pytest.mark.parametrize('name', NETWORKS)
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
    epochs, step, batch = SCHEDULES[data]
    cfg = _load(f'bas/bas_{backbone}_{data}.py')
    head = cfg.model.head
    assert (head.loss_fg.loss_weight, head.loss_amc.area_weight) == (alpha, beta)
    test_cfg = cfg.model.test_cfg
    assert (test_cfg.topk, test_cfg.get('threshold')) == (k, theta)
    assert test_cfg.class_source == 'gt'  # what GT-Known asks for
    if theta is None:
        types = [evaluator.type for evaluator in cfg.test_evaluator]
        assert types == ['PxAP', 'mmpretrain.Accuracy']
    else:
        assert cfg.test_evaluator.thresholds == cfg.val_evaluator.thresholds == theta
    assert cfg.model.get('init_cfg') is None
    assert head.num_classes == cfg.model.generator.num_classes == NUM_CLASSES[data]
    assert (cfg.model.generator.in_channels, head.in_channels) == CHANNELS[backbone]
    assert cfg.model.split.point == FRONTS[backbone]

    cam = _load(f'cam/cam_{backbone}_{data}.py')
    assert cam.model.backbone == cfg.model.backbone
    assert cam.model.split == cfg.model.split
    assert cam.model.head.num_classes == NUM_CLASSES[data]
    # θ of CAM's paper.
    assert cam.model.test_cfg == dict(topk=1, class_source='gt', threshold=0.2)
    if theta is not None:
        assert cam.test_evaluator.thresholds == cam.val_evaluator.thresholds == 0.2
    for run in (cfg, cam):
        assert (run.train_cfg.by_epoch, run.train_cfg.max_epochs) == (True, epochs)
        assert 0 < run.train_cfg.val_interval <= epochs
        scheduler = dict(type='StepLR', by_epoch=True, step_size=step, gamma=0.1)
        assert run.param_scheduler == scheduler
        optimizer = dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=5e-4, nesterov=True)
        assert run.optim_wrapper.optimizer == optimizer
        assert run.optim_wrapper.constructor == 'RecipeOptimWrapperConstructor'
        assert run.optim_wrapper.get('paramwise_cfg') is None
        whole = 2 * batch if (data, backbone) == ('ilsvrc', 'vgg16') else batch
        assert run.auto_scale_lr == dict(enable=False, base_batch_size=whole)
        # ILSVRC's configs are for four GPUs.
        assert run.train_dataloader.batch_size == (whole // 4 if data == 'ilsvrc' else whole)
        hooks = [hook.type for hook in run.custom_hooks]
        assert hooks == [
            'ClassCountHook',
            'EmptyLoaderHook',
            'EpochSeedHook',
            'NonFiniteLossHook',
        ]
        assert run.get('sync_bn') is None  # it would wait; the classifier shares statistics itself
        assert run.model.get('sync_batch_norm', True)


def _structure(cfg: Config) -> dict:
    """The model's config without what the table gives, and the number of classes."""
    model = cfg.model.to_dict()
    for key in ('topk', 'threshold'):
        del model['test_cfg'][key]
    for part in ('generator', 'head'):
        model.get(part, {}).pop('num_classes', None)
    for loss, weight in (('loss_fg', 'loss_weight'), ('loss_amc', 'area_weight')):
        model['head'].get(loss, {}).pop(weight, None)
    return model


def _around(cfg: Config, but: tuple[str, ...] = ()) -> dict:
    """All else: what is left are the data, how they are shown, and the training."""
    settings = cfg.to_dict()
    for name in (*WITH_THRESHOLDS, 'model', *but):
        settings.pop(name, None)
    return settings


@pytest.mark.parametrize('kind', ['bas', 'cam'])
@pytest.mark.parametrize('data', ['ilsvrc', *FINE_GRAINED])
def test_other_sets_train_as_cub_does(kind, data):
    """What a set and a network join is written twice nowhere."""
    trained = _load(f'{kind}/{kind}_mobilenetv1_{data}.py')
    for backbone in CHANNELS:
        cfg = _load(f'{kind}/{kind}_{backbone}_{data}.py')
        assert _structure(cfg) == _structure(_load(f'{kind}/{kind}_{backbone}_cub.py'))
        thresholds = cfg.model.test_cfg.threshold
        for name in WITH_THRESHOLDS:
            assert cfg[name] == {**trained[name], 'thresholds': thresholds}
        # Of VGG16 ILSVRC's batch is twice as large.
        expected = _around(trained)
        if (data, backbone) == ('ilsvrc', 'vgg16'):
            expected['auto_scale_lr']['base_batch_size'] *= 2
            for loader in LOADERS:
                expected[loader]['batch_size'] = cfg[loader].batch_size
        assert _around(cfg) == expected, backbone


def test_fine_grained_sets_train_by_cubs_recipe():
    data = 'dataset_type', 'data_root', *LOADERS
    for name in FINE_GRAINED:
        cub, cfg = (_load(f'bas/bas_mobilenetv1_{of}.py') for of in ('cub', name))
        assert _around(cfg, data) == _around(cub, data)
        for loader in LOADERS:
            own, of_cub = cfg[loader].to_dict(), cub[loader].to_dict()
            for key in ('type', 'data_root', 'split'):
                del own['dataset'][key], of_cub['dataset'][key]
            assert own == of_cub


@pytest.mark.parametrize('data', PARTNERS)
def test_partners_in_cam(data):
    """As docs/train_test.md says: equal backbone, classifier, data and schedule."""
    for backbone in PARTNERS[data]:
        bas, cam = (_load(f'{kind}/{kind}_{backbone}_{data}.py') for kind in ('bas', 'cam'))
        for key in ('backbone', 'split', 'data_preprocessor'):
            assert cam.model[key] == bas.model[key]
        classifier = 'in_channels', 'num_classes', 'hidden_channels', 'init_cfg'
        assert [cam.model.head.get(k) for k in classifier] == [
            bas.model.head.get(k) for k in classifier
        ]
        assert _around(cam) == _around(bas)
        # They report by the same measures, at θ of each method.
        for name in WITH_THRESHOLDS:
            own, of_bas = cam[name], bas[name]
            if isinstance(of_bas, dict) and isinstance(of_bas.thresholds, float):
                own, of_bas = ({**of, 'thresholds': None} for of in (own, of_bas))
            assert own == of_bas


@pytest.mark.parametrize(
    ('data', 'trained'),
    [
        ('cub_cubv2val', 'cub'),
        ('cub_masks', 'cub'),
        ('ilsvrc_imagenetv2val', 'ilsvrc'),
        ('ilsvrc_release', 'ilsvrc'),
    ],
)
def test_variants_of_the_data_have_the_model_that_is_trained(data, trained):
    """They differ in what they read and report."""
    for kind in ('bas', 'cam'):
        variant, whole = (_load(f'{kind}/{kind}_resnet50_{name}.py') for name in (data, trained))
        assert variant.model == whole.model


def test_metrics_of_the_releases_work_while_the_network_goes_on():
    """As docs/metrics.md says. Small sets are for CPUs, where there is nothing to wait for."""
    small = 'critters', '_embedded', '_embedded_masks'
    checked = set()
    for name in (name for name in ALL if not Path(name).stem.endswith(small)):
        cfg = _load(name)
        for key in WITH_THRESHOLDS:
            for metric in metrics_of(cfg[key]):
                if issubclass(METRICS.get(metric.type), BaseMapMetric):
                    assert metric.get('num_workers') == 1, (name, key, metric.type)
                    checked.add(metric.type)
    assert checked == {'LocalizationMetric', 'MaxBoxAccV2', 'PxAP'}


@pytest.mark.parametrize('file', sorted((CONFIGS / '_base_').glob('*_runtime.py')))
def test_checkpoints_are_whole_in_every_run(file):
    hooks = Config.fromfile(file).default_hooks
    assert hooks.checkpoint.type.rpartition('.')[2] == 'WholeCheckpointHook'


@pytest.mark.parametrize('kind', ['bas', 'cam'])
@pytest.mark.parametrize('data', NUM_CLASSES)
def test_pictures_of_the_recipe(kind, data):
    """Any part of 256×256 pixels and its mirror image in training, the centre in testing."""
    cfg = _load(f'{kind}/{kind}_resnet50_{data}.py')
    read, pack = dict(type='LoadLocImage'), dict(type='PackLocalizationInputs')
    resize = dict(type='LocResize', scale=(256, 256), backend='pillow')
    crop, flip = dict(type='LocRandomCrop', crop_size=224), dict(type='LocRandomFlip', prob=0.5)
    tested = [read, resize, dict(type='LocCenterCrop', crop_size=224), pack]
    if data == 'openimages30k':
        tested = [read, {**resize, 'scale': (224, 224)}, dict(type='LoadLocMask'), pack]
    assert cfg.train_dataloader.dataset.pipeline == [read, resize, crop, flip, pack]
    for split in ('val', 'test'):
        assert cfg[f'{split}_dataloader'].dataset.pipeline == tested
    colours = cfg.model.data_preprocessor
    # ImageNet's, of RGB; pictures are read as BGR.
    assert (colours.mean, colours.std) == ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    assert colours.to_rgb


@pytest.mark.parametrize('kind', ['bas', 'cam'])
def test_splits_that_choose_and_splits_that_report(kind):
    """`val` is another set than `test` wherever there is a proper one."""

    def splits(name: str) -> list[tuple]:
        cfg = _load(f'{kind}/{kind}_resnet50_{name}.py')
        sets = [cfg[f'{split}_dataloader'].dataset for split in ('val', 'test')]
        return [(s.type, s.data_root, s.get('split', s.get('split_dir'))) for s in sets]

    assert splits('cub_cubv2val') == [
        ('SplitFolder', 'data/CUBV2/', 'metadata/val'),
        ('CUB200', 'data/CUB_200_2011/', 'test'),
    ]
    assert splits('ilsvrc_imagenetv2val') == [
        ('ILSVRC', 'data/ImageNetV2/', 'metadata/val'),
        ('ILSVRC', 'data/ILSVRC/', 'metadata/test'),
    ]
    assert [s[2] for s in splits('openimages30k')] == ['metadata/val', 'metadata/test']
    assert [s[2] for s in splits('fgvc_aircraft')] == ['val', 'test']
    aircraft = _load(f'{kind}/{kind}_resnet50_fgvc_aircraft.py').train_dataloader.dataset
    assert aircraft.split == 'train'  # 'trainval' has the pictures that choose
    for name in ('cub_cubv2val', 'ilsvrc_imagenetv2val'):
        cfg = _load(f'{kind}/{kind}_resnet50_{name}.py')
        plain = _load(f'{kind}/{kind}_resnet50_{name.split("_")[0]}.py')
        assert len(cfg.val_evaluator.thresholds) == 49
        assert cfg.test_evaluator == plain.test_evaluator
        assert cfg.test_dataloader == plain.test_dataloader
        assert cfg.val_dataloader.dataset.pipeline == plain.val_dataloader.dataset.pipeline


@pytest.mark.parametrize('backbone', CHANNELS)
def test_sizes_of_the_published_networks(backbone):
    model = _model(_load(f'bas/bas_{backbone}_cub.py')).eval()
    with torch.no_grad():
        features, tail = model.extract_feat(torch.randn(1, 3, 224, 224))
    front_channels, tail_channels = CHANNELS[backbone]
    assert features.shape == (1, front_channels, 28, 28)
    assert tail.shape == (1, tail_channels, 14, 14)


@pytest.mark.parametrize('name', PRETRAINED)
def test_pretrained_weights_are_those_of_the_backbone(name):
    """mmengine knows where they are, and all of them but ImageNet's classifiers have a place."""
    backbone = _load(name).model.backbone
    scheme, _, weights = backbone.pop('init_cfg').checkpoint.partition('://')
    assert scheme == 'torchvision'
    assert weights in get_torchvision_models()
    with torch.device('meta'):
        source = getattr(torchvision.models, weights.removesuffix('_google'))(weights=None)
    shapes = {k: v.shape for k, v in MODELS.build(backbone).state_dict().items()}
    _, placement = place_in_backbone(source.state_dict(), shapes)
    assert placement.complete
    left = {name.partition('.')[0] for name in placement.unplaced}
    assert left <= {'fc', 'classifier', 'AuxLogits'}


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


def test_the_fast_recipe_is_the_recipe_with_options_for_gpus():
    plain, fast = _load('bas/bas_resnet50_ilsvrc.py'), _load('bas/bas_resnet50_ilsvrc_fast.py')
    assert fast.model.pop('channels_last') is True
    assert fast.optim_wrapper.optimizer.pop('fused') is True
    amp = dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=dict(enabled=False))
    assert all(fast.optim_wrapper.pop(key) == value for key, value in amp.items())
    assert plain.optim_wrapper.pop('type') == 'OptimWrapper'
    assert plain.train_dataloader.pop('num_workers') < fast.train_dataloader.pop('num_workers')
    for pipeline in (fast.train_pipeline, fast.train_dataloader.dataset.pipeline):
        assert pipeline[1].backend == 'torchvision'
        pipeline[1].backend = 'pillow'
    # All else is the recipe's, and that a NaN stops a run before it is saved.
    assert fast.to_dict() == plain.to_dict()


def test_resnet101_differs_in_its_depth():
    plain, deep = _load('bas/bas_resnet50_cub.py'), _load('bas/bas_resnet101_cub.py')
    assert deep.model.backbone.pop('depth') == 101
    assert deep.model.backbone.init_cfg.pop('checkpoint') == 'torchvision://resnet101'
    assert plain.model.backbone.pop('depth') == 50
    assert plain.model.backbone.init_cfg.pop('checkpoint') == 'torchvision://resnet50'
    assert deep.to_dict() == plain.to_dict()
