"""CAM against BAS on the embedded data set, over several seeds.

Each method is trained from its config by mmengine's runner, with the same backbone, data and
epochs. θ is the one with the best GT-Known on ``val`` (the smaller one on a tie), chosen for each
method and seed by itself; the figures are those of ``test`` at that θ, from the checkpoint. The
seed is that of the weights and of the order of the pictures; the pictures are the same. A run
whose result lies in the work dir, from the same settings, is not repeated.

    python tools/analysis_tools/benchmark_embedded.py --seeds 0 1 2 --out benchmark.json
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

if ((ROOT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(ROOT))

from bas_mm.command_line import (
    OneLineParser,
    load_config,
    prepare_devices,
    require_file,
    require_writable,
    run_command,
)
from bas_mm.utils.markdown_table import markdown_table
from bas_mm.utils.result_files import write_json


def run_one(method: str, path: str, seed: int, work_dir: Path, options: list[str]) -> dict:
    """Train one method with one seed, choose θ on val, and test.

    Args:
        method (str): its name.
        path (str): its config.
        seed (int): seed of the run.
        work_dir (Path): folder of all runs.
        options (list[str]): settings, ``key=value``.

    Returns:
        dict: figures in percent, θ and the training time in seconds.
    """
    from bas_mm.apis import COLUMNS, train_and_test

    folder = work_dir / f'{method.lower()}_seed{seed}'
    cfg = load_config(path, options, str(folder))
    cfg.randomness, cfg.log_level = dict(seed=seed), 'WARNING'
    # Nothing is chosen on the way: one validation, and one checkpoint, at the end.
    cfg.train_cfg.val_interval = cfg.default_hooks.checkpoint.interval = cfg.train_cfg.max_epochs
    file, settings = folder / 'result.json', cfg.pretty_text
    if file.is_file():
        stored = json.loads(file.read_text(encoding='utf-8'))
        if stored.pop('settings') == settings:
            return stored
    prepare_devices(cfg, 'none')
    result = train_and_test(cfg, f'{method}_seed{seed}', choose_by=['gt_known'])
    run = dict(
        method=method,
        seed=seed,
        theta=result.threshold,
        seconds=round(result.seconds, 1),
        **{name: result.test[name] for name in COLUMNS},
    )
    write_json(file, dict(settings=settings, **run))
    return run


def summarize(runs: list[dict]) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean and standard deviation (n - 1; 0 for one seed) of each figure, by method."""
    from bas_mm.apis import COLUMNS

    summary = {}
    for method in dict.fromkeys(run['method'] for run in runs):
        own = [run for run in runs if run['method'] == method]
        summary[method] = {}
        for name in COLUMNS:
            values = [run[name] for run in own]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            summary[method][name] = (statistics.fmean(values), spread)
    return summary


def table(runs: list[dict]) -> str:
    """The runs, their means and the difference as a Markdown table."""
    from bas_mm.apis import COLUMNS

    rows = [['', 'seed', 'θ', *COLUMNS.values(), 'training']]
    for run in runs:
        figures = [f'{run[name]:.2f}' for name in COLUMNS]
        theta = f'{run["theta"]:g}'
        rows.append([run['method'], str(run['seed']), theta, *figures, f'{run["seconds"]:.0f} s'])
    summary = summarize(runs)
    for method, figures in summary.items():
        values = [f'{mean:.2f} ± {spread:.2f}' for mean, spread in figures.values()]
        rows.append([f'**{method}**', 'mean ± sd', '', *values, ''])
    if {'CAM', 'BAS'} <= set(summary):
        gain = [f'{summary["BAS"][name][0] - summary["CAM"][name][0]:+.2f}' for name in COLUMNS]
        rows.append(['**BAS − CAM**', '', '', *gain, ''])
    return markdown_table(rows)


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--seeds', type=int, nargs='+', default=[0, 1, 2], help='of the trainings; default: 0 1 2'
    )
    parser.add_argument(
        '--cam',
        default=str(ROOT / 'configs/cam/cam_small_embedded.py'),
        help='config of CAM; default: cam_small_embedded.py',
    )
    parser.add_argument(
        '--bas',
        default=str(ROOT / 'configs/bas/bas_small_embedded.py'),
        help='config of BAS; default: bas_small_embedded.py',
    )
    parser.add_argument(
        '--methods',
        nargs='+',
        choices=('CAM', 'BAS'),
        default=['CAM', 'BAS'],
        help='which to run; default: both',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/benchmark_embedded'),
        help='folder of everything that is written; default: %(default)s',
    )
    parser.add_argument('--out', help='JSON file of all figures; default: in the work dir')
    parser.add_argument('--threads', type=int, help="torch's threads; default: torch's own choice")
    parser.add_config_options('for both configs')
    args = parser.parse_args()
    require_file(args.cam, 'config')
    require_file(args.bas, 'config')
    require_writable(args.work_dir, '--work-dir', folder=True)
    if args.out:
        require_writable(args.out, '--out')
    return args


def main() -> None:
    """Run what is not there yet, print the table, write the figures."""
    args = parse_args()
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    paths = {'CAM': args.cam, 'BAS': args.bas}
    runs = []
    for seed in args.seeds:
        for method in args.methods:
            run = run_one(method, paths[method], seed, args.work_dir, args.cfg_options)
            runs.append(run)
            print(
                f'{method} seed {seed}: GT-Known {run["gt_known"]:.2f} at θ={run["theta"]:g}, '
                f'{run["seconds"]:.0f} s',
                flush=True,
            )
    print(f'\n{table(runs)}')
    out = args.out or args.work_dir / 'benchmark.json'
    write_json(out, dict(runs=runs, summary=summarize(runs)))
    print(f'\nFigures: {out}')


if __name__ == '__main__':
    run_command(main)
