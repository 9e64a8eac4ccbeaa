"""The embedded DeepLabv2 as the pipeline runs it: the commands, one process and two."""

import json

import pytest
from tiny_project import ROOT, TinyProject

CONFIG = ROOT / 'configs/deeplabv2/deeplabv2_small_embedded.py'


@pytest.mark.slow
def test_two_processes_train_and_test_like_one(tmp_path):
    project = TinyProject(tmp_path)
    options = ['--cfg-options', 'train_cfg.max_iters=4', 'train_cfg.val_interval=4']
    options += ['default_hooks.checkpoint.interval=4', 'train_dataloader.dataset.mask_dir=None']
    for loader in ('train', 'val', 'test'):
        dataset = f'{loader}_dataloader.dataset'
        options.append(f'{dataset}.data_root={tmp_path / "scenes"}')
        # An odd number of pictures, which two processes do not divide.
        options += [f'{dataset}.num_train=24', f'{dataset}.num_val=7']
    project.run_ranks('train.py', CONFIG, '--work-dir', 'two', *options)
    checkpoint = tmp_path / 'two/iter_4.pth'
    one, two = tmp_path / 'one.json', tmp_path / 'two.json'
    project.run_here('test.py', CONFIG, checkpoint, '--work-dir', 't1', '--out', one, *options)
    project.run_ranks('test.py', CONFIG, checkpoint, '--work-dir', 't2', '--out', two, *options)
    figures = json.loads(one.read_text())
    assert set(figures) == {'aAcc', 'mIoU', 'mAcc'}
    assert figures['aAcc'] > 0
    assert json.loads(two.read_text()) == figures
