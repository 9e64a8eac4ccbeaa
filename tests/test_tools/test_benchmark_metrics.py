"""tools/analysis_tools/benchmark_metrics.py."""

import json
import os
import sys

import forked_python
import numpy as np
import pytest
from modules import load_module


@pytest.fixture(scope='module')
def benchmark(repo_dir):
    path = repo_dir / 'tools' / 'analysis_tools' / 'benchmark_metrics.py'
    return load_module(path)


def test_as_a_command(repo_dir, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / 'a.npy', rng.random((14, 14)))
    np.save(tmp_path / 'b.npy', rng.random((1, 28, 28), dtype=np.float32))
    out = tmp_path / 'out.json'
    command = [sys.executable, str(repo_dir / 'tools' / 'analysis_tools' / 'benchmark_metrics.py')]
    command += ['--npy', str(tmp_path), '--rounds', '1', '--out', str(out)]
    command += ['--batch', '2', '--batches', '0', '--pictures', '10', '30']
    paths = [str(repo_dir), *filter(None, [os.environ.get('PYTHONPATH')])]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths)}
    done = forked_python.run(command, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    content = json.loads(out.read_text())
    (rows,) = content['results'].values()
    assert set(rows) >= {'Protocol A, per θ', 'MaxBoxAcc', 'MaxBoxAccV2', 'PxAP, pIoU'}
    for name, row in rows.items():
        assert 0 < row['best_ms'] <= row['ms']
        assert row['ratio'] == row['direct_ms'] / row['ms']
        assert name in done.stdout
    assert 'waiting' not in content
    for name, (few, many) in content['memory_mib'].items():
        assert 0 < few < 10
        assert f'{name}: {few:.2f} MiB at most with 10 pictures, {many:.2f}' in done.stdout


def test_a_device_does_not_wait_for_a_worker(benchmark, monkeypatch):
    """With a worker that is the function itself, and a clock of our own: no figure is random."""

    class Metric:
        def __init__(self, num_workers):
            self.cost = 1 if num_workers else 20

        def process(self, _, samples):
            assert [set(s) >= {'image_id', 'pred_map', 'gt_mask'} for s in samples] == [True] * 4
            Clock.now += self.cost

        def evaluate(self, size):
            Clock.now += 5

    class Clock:
        now = 0.0
        perf_counter = staticmethod(lambda: Clock.now)
        slept = []
        sleep = slept.append

    monkeypatch.setattr(benchmark, 'time', Clock)
    monkeypatch.setattr(benchmark, 'REGISTERED', {'x': Metric})
    rng = np.random.default_rng(0)
    rows = benchmark.waiting(benchmark.noise_maps(2, rng), 4, 3, rng)
    assert rows['x'] == {
        'work': 20e3,
        'device': 30e3,
        'waits_0': 20e3,
        'waits_1': 1e3,
        'rest_1': 5e3,
    }
    assert Clock.slept == [30.0] * 6
    line = benchmark.waiting_table(rows, 4).splitlines()[-1]
    assert line == (
        '| x      | 20000.0 | 30000.0 | 20000.0      | 40.0% '
        '| 1000.0          | 3.2%  | 5000.0     |'
    )


@pytest.mark.parametrize('name', ['Protocol A', 'MaxBoxAcc and V2', 'PxAP, pIoU'])
def test_registered_metrics_take_the_samples(benchmark, name):
    rng = np.random.default_rng(0)
    metric = benchmark.REGISTERED[name](num_workers=0)
    metric.process(None, benchmark.samples_of(benchmark.blob_maps(2, rng), 3, 0, rng))
    assert len(metric.evaluate(3)) > 1


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


@pytest.mark.parametrize(
    ('kind', 'side'), [('blobs', 28), ('smooth', 28), ('noise', 28), ('fine_noise', 56)]
)
def test_generated_maps(benchmark, kind, side):
    maps = benchmark.KINDS[kind](3, np.random.default_rng(0))
    assert [m.shape for m in maps] == [(side, side)] * 3
    assert all(m.dtype == np.float32 and m.min() < m.max() for m in maps)


def test_no_maps(benchmark, tmp_path):
    with pytest.raises(SystemExit, match='no .npy'):
        benchmark.main(['--npy', str(tmp_path)])
    np.save(tmp_path / 'a.npy', np.zeros((3, 4, 4)))
    with pytest.raises(SystemExit, match='no map'):
        benchmark.main(['--npy', str(tmp_path)])
