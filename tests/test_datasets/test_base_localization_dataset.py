"""Pictures that cannot be read: replaced in training when asked for, an error otherwise."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.dataset import worker_init_fn
from mmengine.runner import Runner
from tiny_irn import pictures_cfg, write_irn_pictures

from bas_mm.datasets import SplitFolder, UnreadableImageError

PIPELINE = [
    dict(type='LoadLocImage'),
    dict(type='LocResize', scale=(40, 40)),
    dict(type='LocRandomCrop', crop_size=32),
    dict(type='LocRandomFlip'),
    dict(type='PackLocalizationInputs'),
]
BROKEN = 'train/cat/2.jpg'


@pytest.fixture
def broken_root(split_writer, bad_image) -> Path:
    """A good set of three, one picture of which is replaced by one cut short."""
    split_writer.write_good()
    shutil.copyfile(bad_image, split_writer.root / 'images' / BROKEN)
    return split_writer.root


def config(root: Path, **kwargs) -> dict:
    settings = dict(
        type='SplitFolder',
        split_dir='metadata/train',
        data_root=str(root),
        data_prefix=dict(img_path='images'),
        classes=2,
        with_boxes=False,
        pipeline=PIPELINE,
    )
    return {**settings, **kwargs}


def build(root: Path, **kwargs) -> SplitFolder:
    settings = config(root, **kwargs)
    settings.pop('type')
    return SplitFolder(**settings)


WITHOUT_SCOPE = """
import json, sys
from mmengine.registry import DefaultScope
from bas_mm.datasets import IRNLabelDataset, SplitFolder

split, irn = (json.loads(text) for text in sys.argv[1:])
assert DefaultScope.get_current_instance() is None
for dataset in (SplitFolder(**split), IRNLabelDataset(**irn)):
    print(type(dataset).__name__, len(dataset), *map(type, dataset.pipeline.transforms))
"""


def test_transforms_by_their_bare_names_need_no_default_scope(split_writer, tmp_path):
    """The tests have one in their process."""
    split_writer.write_good()
    split = config(split_writer.root)
    split.pop('type')
    root = write_irn_pictures(tmp_path / 'irn', 2)
    irn = dict(pictures=pictures_cfg(root), label_dir=str(root / 'labels'))
    irn['pipeline'] = [dict(type='LoadLocImage'), dict(type='LoadLabelMap')]
    command = [sys.executable, '-c', WITHOUT_SCOPE, json.dumps(split), json.dumps(irn)]
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get('PYTHONPATH')])]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert 'SplitFolder 3' in done.stdout
    assert 'IRNLabelDataset 2' in done.stdout
    assert 'load_label_map.LoadLabelMap' in done.stdout


def loader(root: Path, num_workers: int, **kwargs):
    cfg = dict(
        batch_size=3,
        num_workers=num_workers,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='default_collate'),
        dataset=config(root, **kwargs),
    )
    return Runner.build_dataloader(cfg, seed=3)


@pytest.mark.parametrize('num_workers', [0, 2])
def test_skipped_in_training(broken_root, log_file, num_workers):
    batches = list(loader(broken_root, num_workers, skip_unreadable=True))
    assert len(batches) == 1
    assert batches[0]['inputs'].shape == (3, 3, 32, 32)
    ids = [sample.image_id for sample in batches[0]['data_samples']]
    assert (ids[0], ids[2]) == ('train/cat/1.jpg', 'train/dog/1.jpg')
    assert ids[1] in (ids[0], ids[2])
    text = log_file.read_text()
    assert 'WARNING' in text
    assert f'unreadable picture {broken_root / "images" / BROKEN}' in text


def test_the_same_replacement_for_the_same_seed(broken_root):
    drawn = []
    for _ in range(2):
        worker_init_fn(0, num_workers=1, rank=0, seed=5)
        dataset = build(broken_root, skip_unreadable=True)
        drawn.append([dataset[1]['data_samples'].image_id for _ in range(10)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {'train/cat/1.jpg', 'train/dog/1.jpg'}


@pytest.mark.parametrize('num_workers', [0, 2])
def test_an_error_without_the_option(broken_root, num_workers):
    with pytest.raises(UnreadableImageError) as caught:
        list(loader(broken_root, num_workers))
    assert str(broken_root / 'images' / BROKEN) in str(caught.value)
    assert 'train with train_dataloader.dataset.skip_unreadable=True' in str(caught.value)


def test_never_skipped_in_test_mode(broken_root):
    dataset = build(broken_root, skip_unreadable=True, test_mode=True)
    assert dataset[0]['data_samples'].image_id == 'train/cat/1.jpg'
    with pytest.raises(UnreadableImageError, match=BROKEN) as caught:
        dataset[1]
    # Not only trainings read such sets.
    assert str(caught.value).endswith('. Repair it, or take it from all lists')


def test_gives_up_when_nothing_can_be_read(broken_root, bad_image):
    for name in ('train/cat/1.jpg', 'train/dog/1.jpg'):
        shutil.copyfile(bad_image, broken_root / 'images' / name)
    dataset = build(broken_root, skip_unreadable=True, max_refetch=4)
    with pytest.raises(UnreadableImageError) as caught:
        dataset[0]
    assert '4 pictures in place of' in str(caught.value)
    assert f'the last: unreadable picture {broken_root / "images"}' in str(caught.value)


def test_other_errors_are_not_skipped(split_writer):
    split_writer.write_good()
    pipeline = [dict(type='LoadLocImage'), dict(type='LocRandomCrop', crop_size=224)]
    dataset = build(split_writer.root, skip_unreadable=True, pipeline=pipeline)
    with pytest.raises(ValueError, match='smaller than the crop'):
        dataset[0]


def test_named_on_every_rank(broken_root, monkeypatch):
    """mmengine shows only errors of ranks other than 0, so there the message is one."""
    levels = []
    module = 'bas_mm.datasets.picture_set_mixin'
    monkeypatch.setattr(f'{module}.print_log', lambda message, logger, level: levels.append(level))
    for rank in (0, 1):
        monkeypatch.setattr(f'{module}.get_rank', lambda rank=rank: rank)
        levels.clear()
        build(broken_root, skip_unreadable=True)[1]
        assert set(levels) == {logging.WARNING if rank == 0 else logging.ERROR}
