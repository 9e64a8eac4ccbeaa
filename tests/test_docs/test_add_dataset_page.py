"""The shorter schedule of docs/add_dataset.md lowers the learning rate; epochs alone do not."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from doc_pages import read_blocks
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS

from bas_mm.command_line import load_config


def last_rate(cfg: Config) -> float:
    """The learning rate of the last epoch, as a share of the first one's."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = PARAM_SCHEDULERS.build(dict(optimizer=optimizer, **cfg.param_scheduler))
    for _ in range(cfg.train_cfg.max_epochs - 1):
        optimizer.step()
        scheduler.step()
    return optimizer.param_groups[0]['lr']


@pytest.fixture
def stills(repo_dir: Path, tmp_path: Path) -> Path:
    """The folder of the page's configs."""
    shutil.copytree(repo_dir / 'configs', tmp_path / 'configs')
    for block in read_blocks(repo_dir / 'docs/add_dataset.md', repo_dir):
        if block.file and block.file.startswith('configs/bas/my_stills'):
            (tmp_path / block.file).write_text(block.text)
    return tmp_path / 'configs/bas'


def test_a_shorter_schedule(stills, repo_dir):
    base = Config.fromfile(stills / 'my_stills.py')
    short = Config.fromfile(stills / 'my_stills_short.py')
    # What the page says of the one that is inherited.
    assert (base.train_cfg.max_epochs, base.train_cfg.val_interval) == (120, 10)
    assert base.param_scheduler.type == 'StepLR'
    assert base.param_scheduler.step_size == 80
    assert last_rate(base) == pytest.approx(0.1)
    assert last_rate(short) == pytest.approx(0.1)
    assert short.train_cfg.max_epochs // short.train_cfg.val_interval == 10
    # Nothing else is another one, and the command line says the same.
    page = (repo_dir / 'docs/add_dataset.md').read_text()
    (options,) = re.findall(r'`--cfg-options ([^`]*)`', page.partition('## A shorter schedule')[2])
    assert len(options.split()) == 3
    by_options = load_config(str(stills / 'my_stills.py'), options.split(), 'work_dirs')
    assert by_options.to_dict() == {**short.to_dict(), 'work_dir': 'work_dirs'}
    base.merge_from_dict({'train_cfg.max_epochs': 20})
    assert last_rate(base) == 1.0
    assert base.train_cfg.max_epochs // base.train_cfg.val_interval == 2
