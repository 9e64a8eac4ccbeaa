"""tools/analysis_tools/benchmark_norms.py, with real processes."""

import json
import sys

import forked_python
import pytest
import torch
from modules import load_module
from tiny_project import TinyProject

from bas_mm.models.layers import WaitFreeSyncBatchNorm


@pytest.fixture
def benchmark(repo_dir):
    return load_module(repo_dir / 'tools' / 'analysis_tools' / 'benchmark_norms.py')


@pytest.mark.slow
def test_figures_of_two_processes(benchmark, tmp_path):
    out = tmp_path / 'out.json'
    small = ['--batch', '2', '--channels', '4', '--size', '5', '--depth', '2', '--rounds', '3']
    # A process of its own: those that it starts look for the file that they were started from.
    done = forked_python.run(
        [sys.executable, benchmark.__file__, *small, '--device', 'cpu', '--out', str(out)],
        capture_output=True,
        text=True,
        env=TinyProject.environment(),
    )
    assert done.returncode == 0, done.stderr
    text = done.stdout
    content = json.loads(out.read_text())
    assert content['settings']['processes'] == 2
    assert list(content['figures']) == [benchmark.ALONE, benchmark.OURS]
    for name, row in content['figures'].items():
        assert name in text
        assert len(row['seconds']) == 3
        # On a CPU the host does the work.
        assert all(0 < h <= s for h, s in zip(row['host_seconds'], row['seconds'], strict=True))
        assert row['ratio']['min'] <= row['ratio']['median'] <= row['ratio']['max']
    assert content['figures'][benchmark.ALONE]['ratio']['max'] == 1


def test_chains_differ_in_their_norms_alone(benchmark):
    args = benchmark.parse_args(['--channels', '3', '--depth', '2', '--device', 'cpu'])
    chains = {
        name: benchmark.chain_with(name, args)
        for name in (benchmark.ALONE, benchmark.OURS, benchmark.TORCHS)
    }
    kinds = {benchmark.ALONE: torch.nn.BatchNorm2d, benchmark.OURS: WaitFreeSyncBatchNorm}
    kinds[benchmark.TORCHS] = torch.nn.SyncBatchNorm
    expected = chains[benchmark.ALONE].state_dict()
    for name, chain in chains.items():
        assert sum(type(m) is kinds[name] for m in chain) == 2
        assert all(torch.equal(value, expected[k]) for k, value in chain.state_dict().items())


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--depth', '0'], 'numbers must be positive'),
        (['--processes', '1'], 'two processes or more'),
        (['--processes', '999', '--device', 'cuda'], 'give fewer, or --device cpu'),
    ],
)
def test_wrong_arguments(benchmark, words, message, capsys):
    with pytest.raises(SystemExit) as caught:
        benchmark.main(words)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
