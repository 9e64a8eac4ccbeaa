"""The segmentation pipeline on the embedded scenes, over several seeds.

    python tools/analysis_tools/benchmark_wsss_embedded.py --seeds 0 1 2 [--until eval_seeds]

Each seed is a run of tools/wsss/run_pipeline.py in a folder of its own; the seed is that of all
weights and of the order of the pictures, the pictures are the same. Stopped, it goes on where it
was. The mIoU of CAM's, BAS's and the fused seeds is the best over the background scores, each at
its own score; that of the segmentor is on ``val``, which training never sees.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if (ROOT / 'bas_mm').is_dir():  # its own checkout, whatever is installed
    sys.path.insert(0, str(ROOT))

from bas_mm.utils.markdown_table import markdown_table  # noqa: E402 - after the path is set
from bas_mm.utils.result_files import write_json  # noqa: E402
from bas_mm.wsss.pipeline.report import read_figures  # noqa: E402


def table(runs: dict[int, dict[str, float]]) -> str:
    """The figures of each seed, their mean and standard deviation, as a Markdown table.

    Args:
        runs (dict[int, dict[str, float]]): Figures in percent by seed; all have the same names.
    """
    names = list(next(iter(runs.values())))
    rows = [('mIoU', *(f'seed {seed}' for seed in runs), 'mean ± sd')]
    for name in names:
        values = [figures[name] for figures in runs.values()]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        mean = f'{statistics.fmean(values):.2f} ± {spread:.2f}'
        rows.append((name, *(f'{value:.2f}' for value in values), mean))
    for name in ('BAS seeds', 'fused seeds'):
        if {name, 'CAM seeds'} <= set(names):
            gains = [figures[name] - figures['CAM seeds'] for figures in runs.values()]
            mean = f'{statistics.fmean(gains):+.2f}'
            rows.append((f'{name} − CAM seeds', *(f'{gain:+.2f}' for gain in gains), mean))
    return markdown_table(rows)


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--config', default=str(ROOT / 'configs/wsss/pipeline_small_embedded.py'), help='pipeline'
    )
    parser.add_argument('--until', help='last step of each run, such as eval_seeds')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/benchmark_wsss_embedded'))
    return parser.parse_args()


def main() -> None:
    """Run the pipelines, print the table, write the figures."""
    args = parse_args()
    runs = {}
    for seed in args.seeds:
        folder = args.work_dir / f'seed{seed}'
        tool = ROOT / 'tools/wsss/run_pipeline.py'
        command = [sys.executable, str(tool), args.config, '--work-dir', str(folder)]
        command += ['--seed', str(seed)]
        if args.until is not None:
            command += ['--until', args.until]
        subprocess.run(command, check=True)
        runs[seed] = read_figures(folder)
    print(f'\n{table(runs)}')
    out = args.work_dir / 'benchmark.json'
    write_json(out, {str(seed): figures for seed, figures in runs.items()})
    print(f'\nFigures: {out}')


if __name__ == '__main__':
    main()
