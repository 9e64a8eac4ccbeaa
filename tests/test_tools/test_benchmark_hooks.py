"""tools/analysis_tools/benchmark_hooks.py."""

import json

import pytest
from modules import load_module


@pytest.fixture
def benchmark(repo_dir):
    path = repo_dir / 'tools' / 'analysis_tools' / 'benchmark_hooks.py'
    return load_module(path)


def test_figures(benchmark, tmp_path, capsys):
    out = tmp_path / 'out.json'
    benchmark.main(['--iterations', '0', '20000', '--rounds', '1', '--out', str(out)])
    figures = json.loads(out.read_text())['figures']
    text = capsys.readouterr().out
    size = {
        (iterations, hook): row['checkpoint_bytes']
        for iterations, rows in figures.items()
        for hook, row in rows.items()
    }
    # 11 scalars, a value and a count of 8 bytes each; as many steps again as were measured.
    assert size['20000', 'RuntimeInfoHook'] == pytest.approx(11 * 16 * 20100, rel=0.1)
    assert size['20000', 'DeferredRuntimeInfoHook'] == pytest.approx(11 * 16 * 10000, rel=0.1)
    assert size['0', 'DeferredRuntimeInfoHook'] == size['0', 'RuntimeInfoHook']
    for rows in figures.values():
        for hook, row in rows.items():
            assert 0 < row['best_ms'] <= row['ms']
            assert hook in text


def test_both_hooks_leave_the_same_values(benchmark):
    hubs = {hook: benchmark.hub_after(5, f'values {hook}') for hook in benchmark.HOOKS}
    for hook, hub in hubs.items():
        benchmark.steps_with(hook, hub, 5)()
    stock, ours = (
        {name: buffer.data[0].tolist() for name, buffer in hubs[hook].log_scalars.items()}
        for hook in benchmark.HOOKS
    )
    assert ours == stock
    assert len(stock['train/loss_bas']) == 5 + benchmark.INTERVAL


@pytest.mark.parametrize('wrong', [['--iterations', '-1'], ['--rounds', '0']])
def test_wrong_numbers(benchmark, wrong, capsys):
    with pytest.raises(SystemExit) as caught:
        benchmark.main(wrong)
    assert caught.value.code == 2
    assert 'numbers must be positive' in capsys.readouterr().err
