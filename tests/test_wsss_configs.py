"""The configs of BAS-Seg and of CAM for seeds: their recipe is wsss.md's, and they train."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from segmentation_sets import write_coco, write_voc

from bas_mm.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[1] / 'configs' / 'wsss'
ALL = sorted(p.name for method in ('bas_seg', 'cam') for p in CONFIGS.glob(f'{method}_*.py'))
NUM_CLASSES = {'voc12': 20, 'coco14': 80, 'embedded': 4}
SMALL = dict(num_train=4, num_val=2, image_size=(60, 76))


@pytest.fixture(scope='module')
def home(tmp_path_factory) -> Path:
    """A folder with ``data/`` as the configs name it."""
    home = tmp_path_factory.mktemp('home')
    write_voc(home / 'data/VOCdevkit/VOC2012')
    write_coco(home / 'data/coco')
    return home


@pytest.mark.parametrize('data', ['voc12', 'coco14'])
def test_recipe_of_bas_seg(data):
    cfg = Config.fromfile(CONFIGS / f'bas_seg_resnet50_{data}.py')
    assert cfg.model.head.num_classes == cfg.model.generator.num_classes == NUM_CLASSES[data]
    head = cfg.model.head
    assert head.loss_fg == dict(type='mmpretrain.CrossEntropyLoss', loss_weight=0.2)
    assert head.loss_amc == dict(type='AMCLoss', area_weight=1.2)
    assert 'loss_cls' not in head  # the default: positives against negatives
    assert not cfg.model.generator.bias
    # The weights of the backbone are of RGB pictures that were normalised so.
    assert cfg.model.data_preprocessor == dict(
        type='LocalizationDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    )
    assert cfg.train_cfg.max_epochs == 10
    assert cfg.optim_wrapper.optimizer == dict(type='SGD', lr=0.005, momentum=0, weight_decay=1e-4)
    assert cfg.optim_wrapper.constructor == 'RecipeOptimWrapperConstructor'
    factors = cfg.optim_wrapper.paramwise_cfg
    assert factors.new_weight == factors.new_bias == 10
    assert factors.backbone_weight == factors.backbone_bias == 1
    assert factors.train_norm_bias
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 16
    (schedule,) = cfg.param_scheduler
    assert (schedule.type, schedule.power, schedule.end) == ('PolyLR', 0.9, 10)
    assert (schedule.begin, schedule.convert_to_iter_based) == (0, True)
    assert cfg.train_dataloader.dataset.split == dict(voc12='train_aug', coco14='train2014')[data]
    pipeline = {t.type: t for t in cfg.train_dataloader.dataset.pipeline}
    assert tuple(pipeline['LocResize'].scale) == (512, 512)
    assert pipeline['LocResize'].interpolation == 'bicubic'
    assert pipeline['LocResize'].backend == 'pillow'
    assert pipeline['mmcv.RandomFlip'].prob == 0.5
    assert pipeline['mmpretrain.RandomCrop'].crop_size == 448
    assert pipeline['LocResize'] in cfg.val_dataloader.dataset.pipeline


@pytest.mark.parametrize('data', ['voc12', 'coco14'])
def test_recipe_of_cam(data):
    cfg = Config.fromfile(CONFIGS / f'cam_resnet50_{data}.py')
    bas = Config.fromfile(CONFIGS / f'bas_seg_resnet50_{data}.py')
    # Its loss is the default: the multi-label soft-margin loss.
    head = dict(type='MultiLabelCAMHead', in_channels=2048, num_classes=NUM_CLASSES[data])
    assert cfg.model.head == head
    assert cfg.model.backbone == bas.model.backbone
    assert cfg.model.data_preprocessor == bas.model.data_preprocessor
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].end == 5
    # All else is BAS-Seg's.
    bas.optim_wrapper.optimizer.lr, bas.param_scheduler[0].end = 0.1, 5
    assert cfg.optim_wrapper == bas.optim_wrapper
    assert cfg.param_scheduler == bas.param_scheduler
    assert cfg.train_dataloader.batch_size == 16
    pipeline = {t.type: t for t in cfg.train_dataloader.dataset.pipeline}
    assert tuple(pipeline['mmcv.RandomResize'].scale) == (640, 640)
    assert tuple(pipeline['mmcv.RandomResize'].ratio_range) == (0.5, 1.0)
    assert pipeline['mmcv.RandomFlip'].prob == 0.5
    crop = pipeline['mmpretrain.RandomCrop']
    assert (crop.crop_size, crop.pad_if_needed) == (512, True)
    # What is missing has the mean colour, which becomes 0. Pictures are BGR where they are cropped.
    mean = cfg.model.data_preprocessor.mean
    assert list(crop.pad_val) == [round(value) for value in reversed(mean)]


@pytest.mark.parametrize('name', ALL)
def test_precision_at_a_threshold_is_cams_alone(name):
    """A constant added to all scores of an image leaves BAS-Seg's loss of the classes as it is."""
    cfg = Config.fromfile(CONFIGS / name)
    own = ['mmpretrain.MultiLabelMetric'] if name.startswith('cam') else []
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert [metric.type for metric in evaluator] == ['mmpretrain.AveragePrecision', *own]
    scores = torch.tensor([[2.0, -1.0, 0.5]])
    targets = torch.tensor([[1.0, 0.0, 0.0]])
    cfg.model.backbone.init_cfg = None
    loss = MODELS.build(cfg.model).head.loss_module
    one, other = (loss(scores + shift, targets).item() for shift in (0.0, 5.0))
    assert (one == pytest.approx(other, rel=1e-5)) is name.startswith('bas')


def test_networks_end_at_a_sixteenth():
    for name in ('bas_seg_resnet50_voc12', 'cam_resnet50_voc12'):
        cfg = Config.fromfile(CONFIGS / f'{name}.py').model
        cfg.backbone.init_cfg = None
        model = MODELS.build(cfg).eval()
        with torch.no_grad():
            features, tail = model.extract_feat(torch.randn(1, 3, 64, 96))
        assert features.shape == (1, 1024, 4, 6)
        assert tail.shape == (1, 2048, 4, 6)
        assert [n for n, _ in model.head.classifier.named_parameters()] == ['weight']
    assert model.head.classifier.weight.shape == (20, 2048, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize('name', ALL)
def test_one_iteration(name, home, tmp_path, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)
    monkeypatch.setattr(Runner, 'dump_config', lambda *args: None)
    cfg = Config.fromfile(CONFIGS / name)
    for split in ('train', 'val'):
        loader = cfg[f'{split}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=2)
        loader.dataset.indices = 2
        if loader.dataset.type == 'SyntheticScenes':
            loader.dataset.update(SMALL)
        for transform in loader.dataset.pipeline:
            if transform.type == 'LocResize':
                transform.scale = (72, 72)
            elif transform.type == 'mmcv.RandomResize':
                transform.scale = (64, 64)
            elif transform.type == 'mmpretrain.RandomCrop':
                transform.crop_size = 64
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.load_from = None
    cfg.model.backbone.init_cfg = None
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.default_hooks.checkpoint = None
    cfg.default_hooks.logger.interval = 1
    cfg.log_level = 'ERROR'
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = name
    runner = Runner.from_cfg(cfg)
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()

    scalars = runner.message_hub.log_scalars
    assert math.isfinite(scalars['train/loss'].current())
    changed = [k for k, v in runner.model.named_parameters() if not torch.equal(v, before[k])]
    assert any(key.startswith('backbone.') for key in changed)
    assert any(key.startswith('head.') for key in changed)
    assert name.startswith('cam') or any(key.startswith('generator.') for key in changed)
    assert 0 <= scalars['val/multi-label/mAP'].current() <= 100
