"""select_and_test.py: the pair is chosen on val, and reported on test."""

import errno
import json
import os
from types import SimpleNamespace

import pytest
from tiny_project import TinyProject
from tiny_run import write_split_folder

from bas_mm.apis import LocalizationResult

STEPS = [step / 20 for step in range(1, 20)]


def test_a_choice_that_the_disk_has_no_room_for(tmp_path, monkeypatch):
    def choose(*_):
        return SimpleNamespace(checkpoint='c.pth', threshold=0.4, val={}, test={})

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('bas_mm.apis.choose_checkpoint_and_test', choose)
    monkeypatch.setattr('bas_mm.utils.result_files.os.chmod', fail)
    project = TinyProject(tmp_path)
    done = project.run_here('select_and_test.py', 'tiny.py', 'tiny.py', '--out', 'a', check=False)
    assert done.returncode == 2
    expected = 'select_and_test.py: error: tiny.py: a: No space left on device'
    assert done.stderr.splitlines()[-1] == expected


@pytest.mark.parametrize(
    ('options', 'expected'),
    [
        # Of the config.
        ([], [0.3, 0.5, 0.7]),
        (['--thresholds', '0.2'], [0.2]),
        (['--cfg-options', 'val_evaluator.thresholds=0.3'], STEPS),
        (['--cfg-options', 'val_evaluator.thresholds=[0.3]'], STEPS),
    ],
)
def test_thresholds_to_choose_from(tmp_path, monkeypatch, options, expected):
    seen = []

    def choose(cfg, *_):
        seen.append(cfg.val_evaluator.thresholds)
        return SimpleNamespace(checkpoint='c.pth', threshold=0.4, val={}, test={})

    monkeypatch.setattr('bas_mm.apis.choose_checkpoint_and_test', choose)
    monkeypatch.setattr('bas_mm.apis.results_table', lambda _: '')
    TinyProject(tmp_path).run_here('select_and_test.py', 'tiny.py', 'tiny.py', *options)
    assert seen == [expected]


def test_thresholds_of_the_second_of_two_metrics(tmp_path, monkeypatch):
    seen = []

    def choose(cfg, *_):
        seen.extend(metric.thresholds for metric in cfg.val_evaluator)
        return SimpleNamespace(checkpoint='c.pth', threshold=0.4, val={}, test={})

    monkeypatch.setattr('bas_mm.apis.choose_checkpoint_and_test', choose)
    monkeypatch.setattr('bas_mm.apis.results_table', lambda _: '')
    project = TinyProject(tmp_path)
    metrics = [
        dict(type='LocalizationMetric', thresholds=thresholds) for thresholds in (0.3, [0.4, 0.6])
    ]
    (tmp_path / 'two.py').write_text(f"_base_ = 'tiny.py'\nval_evaluator = {metrics}")
    project.run_here('select_and_test.py', 'two.py', 'two.py')
    assert seen == [0.3, [0.4, 0.6]]


def test_a_checkpoint_by_figures_without_a_threshold(tmp_path, monkeypatch):
    project, seen = TinyProject(tmp_path), []

    def choose(cfg, checkpoints, name, choose_by):
        seen.append(choose_by)
        return LocalizationResult('m', cfg, checkpoints[0], None, {'pxap': 1.0}, {'pxap': 66.86})

    monkeypatch.setattr('bas_mm.apis.choose_checkpoint_and_test', choose)
    (tmp_path / 'm.py').write_text(
        "_base_ = 'tiny.py'\nval_evaluator = dict(type='PxAP', _delete_=True)\n"
        'test_evaluator = val_evaluator\n'
    )
    done = project.run_here(
        'select_and_test.py', 'm.py', 'm.py', '--by', 'pxap', 'piou', '--out', 'm.json'
    )
    assert seen == [['pxap', 'piou']]
    expected = dict(checkpoint='m.py', threshold=None, val={'pxap': 1.0}, test={'pxap': 66.86})
    assert json.loads((tmp_path / 'm.json').read_text()) == expected
    assert 'Chosen on val: m.py. On test:' in done.stdout
    assert '| m   | 66.9 | –   |' in done.stdout
    project.run_here('select_and_test.py', 'm.py', 'm.py')
    assert seen[1:] == [None]
    for option, value, message in (
        ('--thresholds', 0.2, 'm.py: --thresholds: val_evaluator has no LocalizationMetric, which'),
        ('--by', 'iou', "argument --by: invalid choice: 'iou'"),
    ):
        done = project.run_here('select_and_test.py', 'm.py', 'm.py', option, value, check=False)
        assert done.returncode == 2
        assert f'select_and_test.py: error: {message}' in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_the_best_pair_on_val_is_reported_on_test(tmp_path):
    project = TinyProject(tmp_path)
    write_split_folder(tmp_path / 'more', dict(test=9), seed=1)
    # Without the checkpoint hook's limit, so that there is a choice.
    project.run_here('train.py', 'tiny.py', '--work-dir', 'w', '--no-validate')
    checkpoints = sorted(str(p) for p in (tmp_path / 'w').glob('epoch_*.pth'))
    assert len(checkpoints) > 1
    dataset = 'test_dataloader.dataset'
    own = [f'{dataset}.data_root={tmp_path / "more"}', f'{dataset}.split_dir=metadata/test']

    same = project.run_here('select_and_test.py', 'tiny.py', *checkpoints, check=False)
    assert same.returncode == 2
    assert 'val_dataloader and test_dataloader read the same pictures' in same.stderr

    mistake = ['--cfg-options', *own, 'val_dataloader.batchsize=2']
    unknown = project.run_here('select_and_test.py', 'tiny.py', *checkpoints, *mistake, check=False)
    assert unknown.returncode == 2
    expected = 'tiny.py: val_dataloader.batchsize: DataLoader takes no batchsize'
    assert unknown.stderr.splitlines()[-1].endswith(expected)

    wider = ['--cfg-options', *own, 'model.head.hidden_channels=16']
    other = project.run_here('select_and_test.py', 'tiny.py', *checkpoints, *wider, check=False)
    assert other.returncode == 2
    assert 'The checkpoint does not fit the model. ' in other.stderr.splitlines()[-1]

    thetas = [0.2, 0.4, 0.6]
    # With a hook of the training that waits for the run to begin.
    (tmp_path / 'ema.py').write_text(
        "_base_ = './tiny.py'\ncustom_hooks = [dict(type='EMAHook')]\n"
    )
    done = project.run_here(
        *('select_and_test.py', 'ema.py', *checkpoints, '--thresholds', *map(str, thetas)),
        *('--out', 'chosen.json', '--work-dir', 's', '--cfg-options', *own),
    )
    chosen = json.loads((tmp_path / 'chosen.json').read_text())

    # By hand: every checkpoint on val with the list, the chosen one on test with its θ.
    reached = {}
    for checkpoint in checkpoints:
        project.run_here(
            *('test.py', 'tiny.py', checkpoint, '--out', 'val.json', '--work-dir', 'v'),
            *('--cfg-options', 'test_evaluator.thresholds=[0.2,0.4,0.6]'),
        )
        figures = json.loads((tmp_path / 'val.json').read_text())
        for t in thetas:
            names = (f'localization/top1_loc@{t:g}', f'localization/gt_known@{t:g}')
            reached[checkpoint, t] = sum(figures[name] for name in names)
    best = max(reached.values())
    first = next(pair for pair, value in reached.items() if value == best)
    assert (chosen['checkpoint'], chosen['threshold']) == first
    project.run_here(
        *('test.py', 'tiny.py', first[0], '--out', 'test.json', '--work-dir', 't'),
        *('--cfg-options', f'test_evaluator.thresholds={first[1]}', *own),
    )
    expected = json.loads((tmp_path / 'test.json').read_text())
    assert chosen['test']['gt_known'] == expected['localization/gt_known']
    assert chosen['test']['top1_loc'] == expected['localization/top1_loc']
    assert f'at θ = {first[1]:g}' in done.stdout
