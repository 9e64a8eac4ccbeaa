import json
import sys

import forked_python


def test_both_walks_agree_and_figures_are_written(repo_dir, tmp_path):
    tool = repo_dir / 'tools/analysis_tools/benchmark_random_walk.py'
    out = tmp_path / 'new' / 'figures.json'
    command = [sys.executable, tool, '--size', '9', '14', '--rounds', '2', '--out', out]
    done = forked_python.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures['difference_float64'] < 1e-10
    assert figures['difference_float32'] < 1e-5
    for name in ('random_walk', 'plain_loop'):
        assert name in done.stdout
        assert figures[f'{name}_seconds'] >= figures[f'{name}_seconds_quickest'] > 0
        # On maps as small as these it is next to nothing; imports would be hundreds.
        assert 0 <= figures[f'{name}_megabytes'] < 60
