"""train.py and the recipe's batch: scaled rates, and what is said of another batch."""

import re
import runpy
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.runner import Runner
from tiny_project import TinyProject

from bas_mm.command_line import load_config
from bas_mm.utils.recipe_batch import describe_other_batch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/test_docs'))
from doc_pages import page_files, read_blocks, read_inline  # noqa: E402


@pytest.fixture(scope='module')
def project(tmp_path_factory) -> TinyProject:
    return TinyProject(tmp_path_factory.mktemp('batch'))


@pytest.fixture
def rates(monkeypatch) -> list[float]:
    """The lowest rate of each run, which is that of the config unless it is scaled."""
    found = []

    def train(runner: Runner) -> None:
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
        found.append(min(group['lr'] for group in runner.optim_wrapper.optimizer.param_groups))

    monkeypatch.setattr(Runner, 'train', train)
    return found


def _run(project: TinyProject, *options: str, **kwargs):
    return project.run_here('train.py', 'tiny.py', '--work-dir', 'w', *options, **kwargs)


@pytest.mark.parametrize(
    ('batch', 'counts', 'factor'), [(4, 1, 0.5), (4, 2, 1), (2, 4, 1), (4, 3, 1.5), (1, 3, 0.375)]
)
def test_scaled_rate_is_that_of_the_accumulated_batch(project, rates, batch, counts, factor):
    """The recipe's batch is 8."""
    options = f'train_dataloader.batch_size={batch}', f'optim_wrapper.accumulative_counts={counts}'
    for on in (['--cfg-options'], ['--cfg-options', 'auto_scale_lr.enable=True']):
        flag = ['--auto-scale-lr'] if len(on) == 1 else []
        done = _run(project, *flag, *on, *options)
        assert 'warning' not in done.stderr
        if batch * counts == 8:
            assert rates[-1] == 0.01  # to the bit
        assert rates[-1] == pytest.approx(0.01 * factor, rel=1e-15)
    # The config that was written is the same recipe.
    assert load_config(project.folder / 'w' / 'tiny.py', []).auto_scale_lr.base_batch_size == 8
    project.run_here('train.py', 'w/tiny.py', '--work-dir', 'again')
    assert rates[-1] == pytest.approx(0.01 * factor, rel=1e-15)


def test_another_kind_of_runner_keeps_its_setting():
    scale = runpy.run_path(str(ROOT / 'tools' / 'train.py'))['scale_by_accumulated_batch']
    setting = dict(enable=True, base_batch_size=8)
    cfg = dict(auto_scale_lr=setting, optim_wrapper=dict(accumulative_counts=4))
    runner = SimpleNamespace(cfg=cfg)
    scale(runner)
    assert vars(runner) == dict(cfg=cfg)
    assert setting['base_batch_size'] == 8


@pytest.mark.parametrize('base', ['None', '0', '-8', 'many'])
def test_a_rate_cannot_be_scaled_by_no_batch(project, rates, base):
    options = ['--cfg-options', f'auto_scale_lr.base_batch_size={base}']
    done = _run(project, '--auto-scale-lr', *options, check=False)
    assert done.returncode == 2
    expected = 'train.py: error: tiny.py: to have the learning rate scaled, set auto_scale_lr.base'
    assert done.stderr.strip().splitlines()[-1].startswith(expected)
    assert rates == []


def test_another_batch_is_one_line(project, rates):
    done = _run(project)
    expected = (
        "train.py: warning: tiny.py: this job's batch is 4, the recipe's is 8 "
        '(auto_scale_lr.base_batch_size): set train_dataloader.batch_size=8 or '
        'optim_wrapper.accumulative_counts=2, or pass --auto-scale-lr'
    )
    assert [line for line in done.stderr.splitlines() if 'warning: ' in line] == [expected]
    for options in (
        ['train_dataloader.batch_size=8'],
        ['optim_wrapper.accumulative_counts=2'],
        ['auto_scale_lr=None'],
    ):
        assert 'warning' not in _run(project, '--cfg-options', *options).stderr
    assert rates == [0.01] * 4


@pytest.mark.slow
def test_two_processes_say_it_once(project):
    whole = 'train.py', 'tiny.py', '--no-validate', '--work-dir', 'two'
    options = '--cfg-options', 'train_cfg.max_epochs=1', 'default_hooks.checkpoint=None'
    assert 'warning: ' not in project.run_ranks(*whole, *options).stderr
    done = project.run_ranks(*whole, *options, 'train_dataloader.batch_size=2')
    assert done.stderr.count("warning: tiny.py: this job's batch is 4 (2 × 2 processes), ") == 1


def test_commands_of_the_pages_train_with_the_recipes_batch():
    """With as many processes as they start, as they are written there."""
    seen = set()
    for path in page_files(ROOT):
        blocks = [block for block in read_blocks(path, ROOT) if block.kind == 'bash']
        for block in [*blocks, *read_inline(path, ROOT)]:
            for command in block.commands:
                match = re.search(
                    r'(train\.py|dist_train\.sh|slurm_train\.sh \S+ \S+) (configs/\S+)( \d+)?',
                    command,
                )
                # Some configs are written on the pages; those of mmdetection's need its package.
                if not match or not (ROOT / match[2]).is_file() or '/det/' in match[2]:
                    continue
                gpus = re.match(r'GPUS=(\d+) ', command)
                processes = int(gpus[1] if gpus else match[3] or 1)
                # Settings are the last of all commands.
                options = shlex.split(command.partition('--cfg-options')[2])
                cfg = load_config(str(ROOT / match[2]), options)
                assert describe_other_batch(cfg, processes) is None, f'{block.place}: {command}'
                seen.add(processes)
    assert seen == {1, 4}
