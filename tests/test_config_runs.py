"""One iteration and one validation of each localization config.

The data are generated copies, which have the layouts of the originals and lie where the configs
look for them, so that the data side of each config runs as it stands. Only sizes are changed: the
smallest pictures that the network takes in the place of 224 x 224, a batch of two, no ImageNet
weights. Mixed precision is that of CPUs.
"""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from releases import (
    write_aircraft,
    write_box_split,
    write_cars,
    write_cub,
    write_dogs,
    write_ilsvrc,
    write_openimages,
)

from bas_mm.command_line import set_cpu_amp

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'
# Published backbones end at 1/16 of the picture, some of the others at 1/32.
PUBLISHED = ('vgg16', 'mobilenetv1', 'resnet50', 'inceptionv3')
ALL = sorted(
    p.relative_to(CONFIGS).as_posix()
    for kind in ('bas', 'cam')
    for p in CONFIGS.glob(f'{kind}/*.py')
)


@pytest.fixture(scope='module')
def home(tmp_path_factory) -> Path:
    """A folder with ``data/`` as the configs name it."""
    home = tmp_path_factory.mktemp('home')
    data = home / 'data'
    write_cub(data, num_classes=200)
    write_box_split(data / 'CUBV2', 'val')
    # The release and split folders beside each other.
    write_ilsvrc(data, num_classes=1000)
    for split in ('train', 'test'):
        write_box_split(data / 'ILSVRC', split)
    write_box_split(data / 'ImageNetV2', 'val')
    write_openimages(data)
    write_dogs(data, num_classes=120)
    write_cars(data, num_classes=196)
    write_aircraft(data, num_variants=100)
    for split in ('train', 'val'):
        write_box_split(data / 'critters', split)
        (data / 'critters/images').mkdir(exist_ok=True)
        (data / 'critters' / split).rename(data / 'critters/images' / split)
    return home


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other cost more than they save on pictures this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _shrink(cfg: Config, view: int) -> None:
    for name in ('train', 'val', 'test'):
        loader = cfg[f'{name}_dataloader']
        loader.update(num_workers=0, persistent_workers=False, batch_size=2)
        loader.dataset.indices = 2
        if loader.dataset.type == 'SyntheticParts':
            loader.dataset.update(num_train=2, num_val=2, num_test=2)
        for transform in loader.dataset.pipeline:
            if transform.type == 'LocResize':
                # A pipeline without a crop resizes to the view at once.
                whole = all('Crop' not in other.type for other in loader.dataset.pipeline)
                transform.scale = (view, view) if whole else (view + 8, view + 8)
            elif 'Crop' in transform.type:
                transform.crop_size = view
    for name in ('val_evaluator', 'test_evaluator'):
        for metric in cfg[name] if isinstance(cfg[name], list) else [cfg[name]]:
            metric.pop('num_workers', None)
    cfg.model.backbone.init_cfg = None
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.default_hooks.checkpoint = None
    cfg.default_hooks.logger.interval = 1
    cfg.log_level = 'ERROR'
    if cfg.optim_wrapper.type == 'AmpOptimWrapper':
        set_cpu_amp(cfg)


@pytest.mark.slow
@pytest.mark.parametrize('name', ALL)
def test_one_iteration(name, home, tmp_path, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.delenv('BAS_MM_CRITTERS', raising=False)
    # What is said about the machine and the config takes longer than the iteration.
    monkeypatch.setattr(Runner, '_log_env', lambda *args: None)
    monkeypatch.setattr(Runner, 'dump_config', lambda *args: None)
    cfg = Config.fromfile(CONFIGS / name)
    _shrink(cfg, 32 if name.split('_')[1] in PUBLISHED else 64)
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = name.replace('/', '_')
    runner = Runner.from_cfg(cfg)
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()

    scalars = runner.message_hub.log_scalars
    assert math.isfinite(scalars['train/loss'].current())
    changed = [k for k, v in runner.model.named_parameters() if not torch.equal(v, before[k])]
    assert any(key.startswith('backbone.') for key in changed)
    assert any(key.startswith('head.') for key in changed)
    assert name.startswith('cam') or any(key.startswith('generator.') for key in changed)

    figures = {key: value.current() for key, value in scalars.items() if key.startswith('val/')}
    evaluators = cfg.val_evaluator if isinstance(cfg.val_evaluator, list) else [cfg.val_evaluator]
    expected = {
        'LocalizationMetric': 'val/localization/gt_known',
        'MaxBoxAccV2': 'val/localization/max_box_acc_v2',
        'PxAP': 'val/localization/pxap',
        'mmpretrain.Accuracy': 'val/accuracy/top5',
    }
    for evaluator in evaluators:
        assert 0 <= figures[expected[evaluator.type]] <= 100
