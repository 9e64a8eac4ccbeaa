"""The base configs of the data sets build loaders whose batches a model can take."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import init_dist
from mmengine.runner import Runner

from bas_mm.command_line import prepare_devices
from bas_mm.utils.dependencies import parse_release


def load(repo_dir: Path, name: str) -> Config:
    return Config.fromfile(repo_dir / 'configs' / '_base_' / 'datasets' / f'{name}.py')


def first_batch(loader_cfg, **changes) -> dict:
    cfg = loader_cfg.copy()
    cfg.update(num_workers=0, persistent_workers=False, batch_size=2, **changes)
    return next(iter(Runner.build_dataloader(cfg, seed=0)))


def check_batch(batch: dict, with_boxes: bool) -> None:
    assert batch['inputs'].shape == (2, 3, 224, 224)
    assert batch['inputs'].dtype == torch.uint8
    assert len(batch['data_samples']) == 2
    for sample in batch['data_samples']:
        assert sample.img_shape == (224, 224)
        assert sample.gt_bboxes.dtype == torch.int64
        assert (len(sample.gt_bboxes) > 0) == with_boxes


SETS = ('cub', 'ilsvrc', 'critters', 'stanford_dogs', 'stanford_cars', 'fgvc_aircraft')


@pytest.mark.parametrize('name', [*SETS, 'openimages30k'])
def test_shuffled_only_in_training(repo_dir, name):
    cfg = load(repo_dir, name)
    assert cfg.train_dataloader.sampler.shuffle
    assert not cfg.train_dataloader.dataset.get('test_mode', False)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert not loader.sampler.shuffle
        assert loader.dataset.test_mode
    assert not cfg.train_dataloader.dataset.with_boxes
    if name in SETS:
        assert cfg.val_evaluator.type == cfg.test_evaluator.type == 'LocalizationMetric'
    else:
        assert [evaluator.type for evaluator in cfg.test_evaluator][0] == 'PxAP'


PINNED = ('cub', 'ilsvrc', 'stanford_dogs', 'stanford_cars', 'fgvc_aircraft', 'openimages30k')
PINNED += ('voc12_multilabel', 'coco14_multilabel', 'irn_labels', 'voc12_pseudo', 'coco14_pseudo')


@pytest.mark.parametrize('name', PINNED)
@pytest.mark.parametrize('device', ['cuda', 'cpu'])
def test_pinned_memory_with_an_accelerator(repo_dir, monkeypatch, name, device):
    monkeypatch.setattr('mmengine.device.get_device', lambda: device)
    cfg = load(repo_dir, name)
    prepare_devices(cfg, 'none')
    assert cfg.train_dataloader.get('pin_memory', False) == (device == 'cuda')
    if name in (*SETS, 'openimages30k'):
        for split in ('val', 'test'):
            assert cfg[f'{split}_dataloader'].get('pin_memory', False) == (device == 'cuda')
            metric = cfg[f'{split}_evaluator']
            metric = metric[0] if isinstance(metric, list) else metric
            assert metric.get('num_workers', 0) == (device == 'cuda')
    assert cfg.launcher == 'none'


@pytest.mark.parametrize('runtime', ['default', 'segmentation', 'irn', 'det'])
@pytest.mark.parametrize('device', ['cuda', 'cpu'])
def test_processes_wait_for_each_other_for_hours(repo_dir, monkeypatch, runtime, device):
    """At the end of uneven shares of the work; torch's own limit on GPUs are ten minutes."""
    started = []

    def start(backend: str, **options) -> None:
        started.append((backend, options))

    monkeypatch.setattr('mmengine.device.get_device', lambda: device)
    monkeypatch.setattr('torch.cuda.set_device', lambda _: None)
    monkeypatch.setattr('torch.multiprocessing.set_start_method', lambda _: None)
    monkeypatch.setattr('torch.distributed.init_process_group', start)
    monkeypatch.setenv('WORLD_SIZE', '1')
    for name in ('RANK', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.setenv(name, '0')
    cfg = Config.fromfile(repo_dir / f'configs/_base_/{runtime}_runtime.py')
    prepare_devices(cfg, 'pytorch')
    if device == 'cuda':  # as the runner does it
        init_dist(cfg.launcher, **cfg.env_cfg.dist_cfg)
    backend = 'nccl' if device == 'cuda' else 'gloo'
    assert started == [(backend, dict(timeout=timedelta(hours=6)))]


@pytest.mark.skipif(get_device() != 'cpu', reason='about machines without accelerator')
def test_no_warning_without_an_accelerator(repo_dir, split_writer, recwarn):
    split_writer.write_good('train')
    cfg = load(repo_dir, 'ilsvrc')
    cfg.train_dataloader.dataset.update(data_root=str(split_writer.root), classes=2)
    cfg.train_dataloader.dataset.data_prefix = dict(img_path='images')

    def warned() -> bool:
        recwarn.clear()
        first_batch(cfg.train_dataloader)
        return any('pin_memory' in str(w.message) for w in recwarn)

    # torch 2.6 and before say nothing.
    assert warned() or parse_release(torch.__version__) < (2, 7)
    prepare_devices(cfg, 'none')
    assert not warned()


def test_critters(repo_dir, critters_dir, monkeypatch):
    monkeypatch.setenv('BAS_MM_CRITTERS', str(critters_dir))
    cfg = load(repo_dir, 'critters')
    check_batch(first_batch(cfg.train_dataloader), with_boxes=False)
    check_batch(first_batch(cfg.val_dataloader), with_boxes=True)


def test_critters_without_the_variable(repo_dir, monkeypatch):
    monkeypatch.delenv('BAS_MM_CRITTERS', raising=False)
    assert load(repo_dir, 'critters').data_root == 'data/critters'


def test_cub(repo_dir, tmp_path, make_picture):
    root = tmp_path / 'CUB_200_2011'
    for number in range(1, 5):
        make_picture(root / 'images' / 'a' / f'{number}.jpg', 70, 50, seed=number)
    (root / 'images.txt').write_text(''.join(f'{i} a/{i}.jpg\n' for i in range(1, 5)))
    (root / 'classes.txt').write_text('1 001.Albatross\n')
    (root / 'image_class_labels.txt').write_text(''.join(f'{i} 1\n' for i in range(1, 5)))
    (root / 'train_test_split.txt').write_text('1 1\n2 1\n3 0\n4 0\n')
    (root / 'bounding_boxes.txt').write_text(''.join(f'{i} 3 4 20 30\n' for i in range(1, 5)))
    cfg = load(repo_dir, 'cub')
    for loader, with_boxes in ((cfg.train_dataloader, False), (cfg.test_dataloader, True)):
        loader.dataset.data_root = str(root)
        check_batch(first_batch(loader), with_boxes)


def test_ilsvrc(repo_dir, split_writer):
    split_writer.write_good('train')
    split_writer.write_good('test')
    cfg = load(repo_dir, 'ilsvrc')
    for loader, with_boxes in ((cfg.train_dataloader, False), (cfg.test_dataloader, True)):
        loader.dataset.data_root = str(split_writer.root)
        loader.dataset.data_prefix = dict(img_path='images')
        check_batch(first_batch(loader), with_boxes)


@pytest.mark.parametrize('name', ['cub', 'embedded'])
def test_detectors_are_tested_on_the_same_pictures_in_the_same_view(repo_dir, name):
    """Otherwise their figures could not stand beside those of the maps."""
    maps, detector = load(repo_dir, name), load(repo_dir, f'{name}_boxes')
    for loader in ('val_dataloader', 'test_dataloader'):
        own, other = ({**cfg[loader].dataset} for cfg in (detector, maps))
        read, keep, *_ = own.pop('pipeline')
        expected = other.pop('pipeline')
        assert own == {**other, 'type': f'bas_mm.{other["type"]}'}
        assert read == {**expected[0], 'type': f'bas_mm.{expected[0]["type"]}'}
        assert keep['type'] == 'bas_mm.KeepLocalizationTruth'
        # How pixels are resized moves no box.
        view = [{k: v for k, v in step.items() if k != 'backend'} for step in expected[1:-1]]
        assert keep.get('view', []) == view
        assert expected[-1]['type'] == 'PackLocalizationInputs'
