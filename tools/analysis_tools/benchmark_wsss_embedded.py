"""The segmentation pipeline on the embedded scenes, over several seeds.

    python tools/analysis_tools/benchmark_wsss_embedded.py --seeds 0 1 2 [--until eval_seeds]

Each seed is a run of tools/wsss/run_pipeline.py in a folder of its own; the seed is that of all
weights and of the order of the pictures, the pictures are the same. Stopped, it goes on where it
was. The mIoU of CAM's, BAS's and the fused seeds is the best over the background scores, each at
its own score; that of the segmentor is on ``val``, which training never sees. So the difference
between it and the masks, which are those of the training pictures, is also one of two sets.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

if ((ROOT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(ROOT))

from bas_mm.command_line import fail, require_file, require_writable, run_command
from bas_mm.utils.markdown_table import markdown_table
from bas_mm.utils.result_files import write_json
from bas_mm.wsss.pipeline.report import read_figures

#: What is compared with what: each step of the pipeline with one before it.
GAINS = (
    ('BAS seeds', 'CAM seeds'),
    ('fused seeds', 'CAM seeds'),
    ('pseudo masks', 'fused seeds'),
    ('segmentor', 'pseudo masks'),
)


def table(runs: dict[int, dict[str, float]]) -> str:
    """The figures of each seed and their differences (:data:`GAINS`) as a Markdown table.

    Args:
        runs (dict[int, dict[str, float]]): Figures in percent by seed; all have the same names.

    Returns:
        str: With the mean and the standard deviation over the seeds, of differences that of the
        differences of each seed; 0 where there is one seed only.
    """
    names = list(next(iter(runs.values())))
    rows = [('mIoU', *(f'seed {seed}' for seed in runs), 'mean ± sd')]
    for name in names:
        rows.append(_row(name, [figures[name] for figures in runs.values()], ''))
    for name, base in GAINS:
        if {name, base} <= set(names):
            gains = [figures[name] - figures[base] for figures in runs.values()]
            rows.append(_row(f'{name} − {base}', gains, '+'))
    return markdown_table(rows)


def _row(name: str, values: list[float], sign: str) -> tuple[str, ...]:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    *figures, mean = (f'{value:{sign}.2f}' for value in (*values, statistics.fmean(values)))
    return name, *figures, f'{mean} ± {spread:.2f}'


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0, 1, 2], help='of the runs; default: 0 1 2'
    )
    parser.add_argument(
        '--config',
        default=str(ROOT / 'configs/wsss/pipeline_small_embedded.py'),
        help='config of the pipeline; default: pipeline_small_embedded.py',
    )
    parser.add_argument(
        '--until', help='last step of each run, such as eval_seeds; default: all steps'
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/benchmark_wsss_embedded'),
        help='folder of everything that is written; default: %(default)s',
    )
    args = parser.parse_args()
    require_file(args.config, 'config')
    require_writable(args.work_dir, '--work-dir', folder=True)
    return args


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
        status = subprocess.run(command).returncode  # it has said why
        if status:
            fail(f'the pipeline of seed {seed} ended with status {status}')
        runs[seed] = read_figures(folder)
    print(f'\n{table(runs)}')
    out = args.work_dir / 'benchmark.json'
    write_json(out, {str(seed): figures for seed, figures in runs.items()})
    print(f'\nFigures: {out}')


if __name__ == '__main__':
    run_command(main)
