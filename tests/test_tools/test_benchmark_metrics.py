"""tools/analysis_tools/benchmark_metrics.py."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest


@pytest.fixture(scope='module')
def benchmark(repo_dir):
    path = repo_dir / 'tools' / 'analysis_tools' / 'benchmark_metrics.py'
    spec = importlib.util.spec_from_file_location('benchmark_metrics', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_as_a_command(repo_dir, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / 'a.npy', rng.random((14, 14)))
    np.save(tmp_path / 'b.npy', rng.random((1, 28, 28), dtype=np.float32))
    out = tmp_path / 'out.json'
    command = [sys.executable, str(repo_dir / 'tools' / 'analysis_tools' / 'benchmark_metrics.py')]
    command += ['--npy', str(tmp_path), '--rounds', '1', '--out', str(out)]
    paths = [str(repo_dir), *filter(None, [os.environ.get('PYTHONPATH')])]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (rows,) = json.loads(out.read_text())['results'].values()
    assert set(rows) >= {'Protocol A, per θ', 'MaxBoxAcc', 'MaxBoxAccV2', 'PxAP, pIoU'}
    for name, row in rows.items():
        assert 0 < row['best_ms'] <= row['ms']
        assert row['ratio'] == row['direct_ms'] / row['ms']
        assert name in done.stdout


def test_figures_that_differ_are_an_error(benchmark, monkeypatch):
    wrong = {'x': (lambda m, boxes, mask: m, lambda m, boxes, mask: m + 1, 1)}
    monkeypatch.setattr(benchmark, 'METRICS', wrong)
    rng = np.random.default_rng(0)
    with pytest.raises(RuntimeError, match='x: map 0'):
        benchmark.measure([rng.random((4, 4))], 1, rng, direct=True)
    assert set(benchmark.measure([rng.random((4, 4))], 1, rng, direct=False)['x']) == {
        'ms',
        'best_ms',
    }


@pytest.mark.parametrize('kind', ['blobs', 'smooth', 'noise'])
def test_generated_maps(benchmark, kind):
    maps = benchmark.KINDS[kind](3, np.random.default_rng(0))
    assert [m.shape for m in maps] == [(28, 28)] * 3
    assert all(m.dtype == np.float32 and m.min() < m.max() for m in maps)


def test_no_maps(benchmark, tmp_path):
    with pytest.raises(SystemExit, match='no .npy'):
        benchmark.main(['--npy', str(tmp_path)])
    np.save(tmp_path / 'a.npy', np.zeros((3, 4, 4)))
    with pytest.raises(SystemExit, match='no map'):
        benchmark.main(['--npy', str(tmp_path)])
