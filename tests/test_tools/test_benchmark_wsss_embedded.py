"""The table of the segmentation pipeline over several seeds, on made-up figures."""

from __future__ import annotations

import pytest
from modules import load_module


@pytest.fixture(scope='module')
def benchmark(repo_dir):
    return load_module(repo_dir / 'tools/analysis_tools/benchmark_wsss_embedded.py')


def _rows(text: str) -> list[list[str]]:
    lines = [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines()]
    return [lines[0], *lines[2:]]  # without the rule below the head


def test_figures_of_each_seed_and_gains_of_each_step(benchmark):
    """Standard deviations by hand, those of a sample: of 60, 61 and 65 √((2² + 1² + 3²) / 2)."""
    names = 'CAM seeds', 'BAS seeds', 'fused seeds', 'pseudo masks', 'segmentor'
    figures = {0: (60, 64, 63, 70, 71), 3: (61, 63, 65, 73, 70), 5: (65, 65, 64, 76, 72)}
    runs = {seed: dict(zip(names, map(float, values))) for seed, values in figures.items()}
    assert _rows(benchmark.table(runs)) == [
        ['mIoU', 'seed 0', 'seed 3', 'seed 5', 'mean ± sd'],
        ['CAM seeds', '60.00', '61.00', '65.00', '62.00 ± 2.65'],
        ['BAS seeds', '64.00', '63.00', '65.00', '64.00 ± 1.00'],
        ['fused seeds', '63.00', '65.00', '64.00', '64.00 ± 1.00'],
        ['pseudo masks', '70.00', '73.00', '76.00', '73.00 ± 3.00'],
        ['segmentor', '71.00', '70.00', '72.00', '71.00 ± 1.00'],
        ['BAS seeds − CAM seeds', '+4.00', '+2.00', '+0.00', '+2.00 ± 2.00'],
        ['fused seeds − CAM seeds', '+3.00', '+4.00', '-1.00', '+2.00 ± 2.65'],
        ['pseudo masks − fused seeds', '+7.00', '+8.00', '+12.00', '+9.00 ± 2.65'],
        ['segmentor − pseudo masks', '+1.00', '-3.00', '-4.00', '-2.00 ± 2.65'],
    ]


def test_one_seed_and_the_first_steps_only(benchmark):
    assert _rows(benchmark.table({1: {'CAM seeds': 60.0, 'fused seeds': 62.5}})) == [
        ['mIoU', 'seed 1', 'mean ± sd'],
        ['CAM seeds', '60.00', '60.00 ± 0.00'],
        ['fused seeds', '62.50', '62.50 ± 0.00'],
        ['fused seeds − CAM seeds', '+2.50', '+2.50 ± 0.00'],
    ]


def test_a_pipeline_that_fails(benchmark, tmp_path, monkeypatch, capfd):
    (tmp_path / 'config.py').write_text('')
    words = ['--config', str(tmp_path / 'config.py'), '--work-dir', str(tmp_path / 'out')]
    monkeypatch.setattr('sys.argv', ['tool.py', *words])
    with pytest.raises(SystemExit) as caught:
        benchmark.main()
    assert caught.value.code == 2
    assert capfd.readouterr().err.splitlines()[-1] == (
        'tool.py: error: the pipeline of seed 0 ended with status 2'
    )
