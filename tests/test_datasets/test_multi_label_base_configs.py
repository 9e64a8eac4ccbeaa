"""The base configs of the multi-label sets: their loaders run, over whole files in real layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.runner import Runner
from segmentation_sets import write_coco, write_voc

from bas_mm.registry import METRICS

SETS = ('voc12_multilabel', 'coco14_multilabel', 'embedded_scenes')
SMALL = dict(num_train=4, num_val=2, num_classes=4, image_size=(60, 76), seed=0)


@pytest.fixture(params=SETS)
def cfg(request, repo_dir: Path, tmp_path: Path) -> Config:
    """A base config over a small copy of its set."""
    cfg = Config.fromfile(repo_dir / 'configs' / '_base_' / 'datasets' / f'{request.param}.py')
    changes = dict(data_root=str(tmp_path / 'set'))
    if request.param == 'voc12_multilabel':
        write_voc(tmp_path / 'set')
    elif request.param == 'coco14_multilabel':
        write_coco(tmp_path / 'set')
    else:
        changes.update(SMALL)
    for name in ('train', 'val', 'test', 'seed'):
        loader = cfg[f'{name}_dataloader']
        loader.update(num_workers=0, persistent_workers=False)
        loader.batch_size = min(loader.batch_size, 2)
        loader.dataset.update(changes)
    return cfg


def _first(loader) -> dict:
    return next(iter(Runner.build_dataloader(loader, seed=0)))


def _check(batch: dict, size: int, count: int) -> None:
    assert batch['inputs'].shape == (count, 3, size, size)
    assert batch['inputs'].dtype == torch.uint8
    for sample in batch['data_samples']:
        labels = sample.gt_label.tolist()
        assert labels == sorted(set(labels))
        assert labels
        assert sample.image_id == Path(sample.img_path).stem


def test_training(cfg):
    embedded = cfg.train_dataloader.dataset.type == 'SyntheticScenes'
    assert cfg.train_dataloader.sampler.shuffle
    assert not cfg.train_dataloader.dataset.get('test_mode', False)
    _check(_first(cfg.train_dataloader), 112 if embedded else 448, 2)
    cfg.train_dataloader.dataset.pipeline = cfg.cam_train_pipeline
    _check(_first(cfg.train_dataloader), 112 if embedded else 512, 2)


def test_evaluation(cfg):
    embedded = cfg.train_dataloader.dataset.type == 'SyntheticScenes'
    assert not cfg.val_dataloader.sampler.shuffle
    batch = _first(cfg.val_dataloader)
    _check(batch, 128 if embedded else 512, len(batch['data_samples']))
    assert cfg.val_dataloader.dataset.split != cfg.train_dataloader.dataset.split

    metrics = Evaluator([METRICS.build(metric) for metric in cfg.val_evaluator])
    classes = Runner.build_dataloader(cfg.val_dataloader).dataset.num_classes
    samples = batch['data_samples']
    for sample in samples:
        sample.set_pred_score(torch.zeros(classes).index_fill(0, sample.gt_label, 0.9))
    metrics.process(samples, batch)
    found = metrics.evaluate(len(samples))
    present = len(torch.cat([sample.gt_label for sample in samples]).unique())
    assert found['multi-label/mAP'] >= 100 * present / classes - 1e-3
    assert found['multi-label/recall'] > 0


def test_seeds(cfg):
    embedded = cfg.train_dataloader.dataset.type == 'SyntheticScenes'
    scales = (1.0, 0.75, 1.25) if embedded else (1.0, 0.5, 1.5, 2.0)
    assert cfg.seed_cfg == dict(scales=scales, flip=True)
    scores = np.arange(4, 60, 2) if embedded else np.arange(20, 45)
    np.testing.assert_allclose(cfg.seed_evaluator.thresholds, scores / 100, atol=1e-12)
    assert cfg.seed_dataloader.dataset.test_mode
    assert not cfg.seed_dataloader.sampler.shuffle
    loader = Runner.build_dataloader(cfg.seed_dataloader)
    shapes = set()
    for batch in loader:
        (sample,) = batch['data_samples']
        # As they are on disk.
        assert batch['inputs'].shape == (1, 3, *sample.ori_shape)
        shapes.add(sample.ori_shape)
    assert len(shapes) > 1
    assert cfg.seed_dataloader.dataset.split == cfg.train_dataloader.dataset.split


def test_devkit_masks_are_those_of_train(repo_dir, tmp_path):
    """Of train_aug only the pictures of train have a mask in SegmentationClass."""
    write_voc(tmp_path)
    file = repo_dir / 'configs' / '_base_' / 'datasets' / 'voc12_multilabel.py'
    loader = Config.fromfile(file).seed_dataloader
    loader.dataset.data_root = str(tmp_path)
    loader.update(num_workers=0)
    samples = [batch['data_samples'][0] for batch in Runner.build_dataloader(loader)]
    assert [sample.image_id for sample in samples if 'seg_map_path' in sample] == [
        '2007_000032',
        '2007_000039',
    ]


def test_picture_is_whole_in_the_crop_of_cam(repo_dir, tmp_path):
    """Its long side is 320 to 640 pixels; what is missing of the crop has ImageNet's mean."""
    write_voc(tmp_path)
    file = repo_dir / 'configs' / '_base_' / 'datasets' / 'voc12_multilabel.py'
    cfg = Config.fromfile(file)
    loader = cfg.train_dataloader
    loader.dataset.update(data_root=str(tmp_path), split='val', pipeline=cfg.cam_train_pipeline)
    dataset = Runner.build_dataloader(dict(loader, num_workers=0, persistent_workers=False)).dataset
    mean = torch.tensor([104, 116, 124], dtype=torch.uint8)[:, None, None]
    heights = set()
    for seed in range(8):
        np.random.seed(seed)  # noqa: NPY002
        image = dataset[0]['inputs']
        # The picture is twice as wide as high: rows above and below are padding.
        padded = (image == mean).all(dim=0).all(dim=1)
        height = 512 - int(padded.sum())
        assert 160 <= height <= 320
        heights.add(height)
    assert len(heights) > 4
