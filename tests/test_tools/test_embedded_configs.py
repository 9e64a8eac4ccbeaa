"""The embedded configs as a newcomer runs them, on few pictures: one process, two processes."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest
from tiny_project import ROOT, TinyProject

BAS = ROOT / 'configs/bas/bas_small_embedded.py'
CAM = ROOT / 'configs/cam/cam_small_embedded.py'


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('embedded'))


def _options(project: TinyProject) -> list[str]:
    """One epoch over 64 pictures; 13 to test on, which two processes do not divide."""
    options = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1']
    for loader in ('train', 'val', 'test'):
        dataset = f'{loader}_dataloader.dataset'
        options.append(f'{dataset}.data_root={project.folder / "embedded"}')
        options += [f'{dataset}.num_{k}={n}' for k, n in (('train', 64), ('val', 13), ('test', 13))]
    return ['--cfg-options', *options]


@pytest.mark.slow
def test_two_processes_train_and_test_like_one(project):
    options = _options(project)
    project.run_ranks('train.py', BAS, '--work-dir', 'two', *options)
    checkpoint = project.folder / 'two' / 'epoch_1.pth'
    assert checkpoint.is_file()
    one, two = project.folder / 'one.json', project.folder / 'two.json'
    project.run_here('test.py', BAS, checkpoint, '--work-dir', 't1', '--out', one, *options)
    project.run_ranks('test.py', BAS, checkpoint, '--work-dir', 't2', '--out', two, *options)
    figures = json.loads(one.read_text())
    assert figures == json.loads(two.read_text())
    assert figures['localization/iou_30'] > 0


@pytest.mark.slow
def test_quickstart_compares_both_methods(project):
    out = project.folder / 'out'
    done = project.run_here(
        'quickstart.py', '--out-dir', out, '--pictures', '3', *_options(project)
    )
    results = json.loads((out / 'results.json').read_text())
    assert list(results) == ['CAM', 'BAS']
    candidates = [step / 20 for step in range(1, 20)]
    for name, result in results.items():
        # Chosen on val among the list, then the only θ on test.
        assert result['threshold'] == result['val']['threshold'] == result['test']['threshold']
        assert result['threshold'] in candidates
        best = max(
            result['val'][f'top1_loc@{t:g}'] + result['val'][f'gt_known@{t:g}'] for t in candidates
        )
        chosen = f'{result["threshold"]:g}'
        own = result['val'][f'top1_loc@{chosen}'] + result['val'][f'gt_known@{chosen}']
        assert own == pytest.approx(best)
        assert not any('@' in key for key in result['test'])
        row = next(r for r in done.stdout.splitlines() if r.startswith(f'| {name} '))
        assert f' {result["test"]["gt_known"]:.1f} ' in row
        assert (out / name.lower() / 'epoch_1.pth').is_file()
    assert (out / 'table.md').read_text().strip() in done.stdout
    assert len(list((out / 'pictures').glob('0*.png'))) == 3
    overview = out / 'pictures' / 'overview.png'
    assert overview.is_file()
    # What is there is named at the end.
    assert done.stdout.splitlines()[-3:] == [
        f'Table and figures: {out}',
        f'Pictures:          {overview} and 3 more beside it',
        f'Logs, weights:     {out}/cam and {out}/bas',
    ]
    assert 'warning: ' not in done.stderr
    # Progress is shown, routine records are left to the log files.
    assert 'Epoch(train) [1][2/2]' in done.stdout
    assert 'System environment' not in done.stdout


@pytest.mark.slow
def test_benchmark_reports_every_seed_and_skips_what_it_has(project):
    command = ['analysis_tools/benchmark_embedded.py', '--seeds', '0', '1', '--work-dir', 'bench']
    done = project.run_here(*command, *_options(project))
    figures = json.loads((project.folder / 'bench' / 'benchmark.json').read_text())
    runs = {(run['method'], run['seed']): run for run in figures['runs']}
    assert set(runs) == {(m, s) for m in ('CAM', 'BAS') for s in (0, 1)}
    means = {m: (runs[m, 0]['gt_known'] + runs[m, 1]['gt_known']) / 2 for m in ('CAM', 'BAS')}
    assert figures['summary']['BAS']['gt_known'][0] == pytest.approx(means['BAS'])
    gain = next(r for r in done.stdout.splitlines() if r.startswith('| **BAS − CAM**'))
    assert f'{means["BAS"] - means["CAM"]:+.2f}' in gain
    again = project.run_here(*command, *_options(project))
    assert 'Loads checkpoint' not in again.stdout  # nothing was run
    assert done.stdout.endswith(again.stdout[again.stdout.index('\n| ') :])


@pytest.mark.slow
@pytest.mark.skipif(find_spec('mim') is None, reason='mim is not installed: docs/get_started.md')
def test_mim_finds_config_and_tools(project):
    def mim(command: str, *arguments: str) -> None:
        words = [command, 'bas_mm', BAS.name, '--gpus', '0', *arguments, *_options(project)]
        done = subprocess.run(
            [sys.executable, '-m', 'mim', *words],
            cwd=project.folder,
            env=project.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]

    mim('train', '--work-dir', 'mim')
    checkpoint = project.folder / 'mim' / 'epoch_1.pth'
    mim('test', '--checkpoint', str(checkpoint), '--work-dir', 'mim', '--out', 'mim.json')
    assert 'localization/gt_known' in json.loads((project.folder / 'mim.json').read_text())
