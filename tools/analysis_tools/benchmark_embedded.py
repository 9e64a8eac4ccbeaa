"""CAM against BAS on the embedded data set, over several seeds.

Each method is trained from its config by mmengine's runner, with the same backbone, data and
epochs. θ is the one with the best GT-Known on ``val`` (the smaller one on a tie), chosen for each
method and seed by itself; the figures are those of ``test`` at that θ, from the checkpoint. The
seed is that of the weights and of the order of the pictures; the pictures are the same. A run
whose result lies in the work dir, from the same settings, is not repeated.

    python tools/analysis_tools/benchmark_embedded.py --seeds 0 1 2 --out benchmark.json
"""

from __future__ import annotations

import argparse
import json
import os
import os.path as osp
import statistics
import time

import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

from bas_mm.utils import register_all_modules

ROOT = osp.dirname(osp.dirname(osp.dirname(osp.abspath(__file__))))
CONFIGS = {
    'CAM': osp.join(ROOT, 'configs', 'cam', 'cam_small_embedded.py'),
    'BAS': osp.join(ROOT, 'configs', 'bas', 'bas_small_embedded.py'),
}
PREFIX = 'localization/'
# Columns of the table: names of LocalizationMetric and their headings.
FIGURES = {
    'top1_loc': 'Top-1 Loc',
    'top5_loc': 'Top-5 Loc',
    'gt_known': 'GT-Known',
    'iou_30': 'IoU 0.3',
    'iou_50': 'IoU 0.5',
    'iou_70': 'IoU 0.7',
    'top1_cls': 'Top-1 Cls',
}


def choose_by_gt_known(metrics: dict[str, float]) -> tuple[float, float]:
    """θ with the best GT-Known, the smaller one on a tie.

    Args:
        metrics: What LocalizationMetric reports for a list of thresholds.

    Returns:
        θ and its GT-Known in percent.
    """
    key = f'{PREFIX}gt_known@'
    values = {float(k[len(key) :]): v for k, v in metrics.items() if k.startswith(key)}
    if not values:
        raise ValueError('val_evaluator.thresholds must be a list with several values')
    theta = min(values, key=lambda t: (-values[t], t))
    return theta, values[theta]


def make_config(path: str, seed: int, work_dir: str, options: dict | None) -> Config:
    """A config for one run: its seed, its folder, one validation at the end, one checkpoint."""
    cfg = Config.fromfile(path)
    cfg.work_dir = work_dir
    cfg.randomness = dict(seed=seed)
    cfg.log_level = 'WARNING'
    if options:
        cfg.merge_from_dict(options)
    cfg.train_cfg.val_interval = cfg.train_cfg.max_epochs
    cfg.default_hooks.checkpoint = dict(type='CheckpointHook', interval=cfg.train_cfg.max_epochs)
    return cfg


def run_one(method: str, path: str, seed: int, work_dir: str, options: dict | None) -> dict:
    """Train one method with one seed, choose θ on val, and test.

    Returns:
        Figures in percent, θ and the training time in seconds.
    """
    folder = osp.join(work_dir, f'{method.lower()}_seed{seed}')
    cfg = make_config(path, seed, folder, options)
    result_file, settings = osp.join(folder, 'result.json'), cfg.pretty_text
    if osp.exists(result_file):
        with open(result_file, encoding='utf-8') as file:
            result = json.load(file)
        if result.pop('settings') == settings:
            return result
    # mmengine keeps loggers and visualizers by the name of the experiment.
    cfg.experiment_name = f'{method}_seed{seed}_train'
    runner = Runner.from_cfg(cfg)
    start = time.perf_counter()
    runner.train()
    seconds = time.perf_counter() - start
    theta, val_gt_known = choose_by_gt_known(runner.val_loop.run())

    cfg = make_config(path, seed, folder, options)
    cfg.experiment_name = f'{method}_seed{seed}_test'
    cfg.load_from = osp.join(folder, f'epoch_{cfg.train_cfg.max_epochs}.pth')
    cfg.test_evaluator.thresholds = theta
    metrics = Runner.from_cfg(cfg).test()
    result = dict(
        method=method,
        seed=seed,
        theta=theta,
        val_gt_known=val_gt_known,
        seconds=round(seconds, 1),
        **{name: metrics[PREFIX + name] for name in FIGURES},
    )
    with open(result_file, 'w', encoding='utf-8') as file:
        json.dump(dict(settings=settings, **result), file, indent=2)
    return result


def summarize(runs: list[dict]) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean and standard deviation (n - 1; 0 for one seed) of each figure, by method."""
    summary = {}
    for method in dict.fromkeys(run['method'] for run in runs):
        own = [run for run in runs if run['method'] == method]
        summary[method] = {}
        for name in FIGURES:
            values = [run[name] for run in own]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            summary[method][name] = (statistics.fmean(values), spread)
    return summary


def table(runs: list[dict]) -> str:
    """The runs, their means and the difference as a Markdown table."""
    head = ['', 'seed', 'θ', *FIGURES.values(), 'training']
    rows = []
    for run in runs:
        figures = [f'{run[name]:.2f}' for name in FIGURES]
        theta = f'{run["theta"]:g}'
        rows.append([run['method'], str(run['seed']), theta, *figures, f'{run["seconds"]:.0f} s'])
    summary = summarize(runs)
    for method, figures in summary.items():
        values = [f'{mean:.2f} ± {spread:.2f}' for mean, spread in figures.values()]
        rows.append([f'**{method}**', 'mean ± sd', '', *values, ''])
    if {'CAM', 'BAS'} <= set(summary):
        gain = [f'{summary["BAS"][name][0] - summary["CAM"][name][0]:+.2f}' for name in FIGURES]
        rows.append(['**BAS − CAM**', '', '', *gain, ''])
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [' | '.join(cell.ljust(width) for cell, width in zip(head, widths))]
    lines.append(' | '.join('-' * max(width, 3) for width in widths))
    lines += [' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows]
    return '\n'.join(f'| {line} |' for line in lines)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--cam', default=CONFIGS['CAM'], help="CAM's config")
    parser.add_argument('--bas', default=CONFIGS['BAS'], help="BAS's config")
    parser.add_argument(
        '--methods', nargs='+', choices=tuple(CONFIGS), default=list(CONFIGS), help='which to run'
    )
    parser.add_argument('--work-dir', default='work_dirs/benchmark_embedded')
    parser.add_argument('--out', help='JSON file of all figures; default: in the work dir')
    parser.add_argument('--threads', type=int, help="torch's threads; default: torch's own choice")
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='settings for both configs, key=value'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    register_all_modules()
    if args.threads:
        torch.set_num_threads(args.threads)
    paths = {'CAM': args.cam, 'BAS': args.bas}
    runs = []
    for seed in args.seeds:
        for method in args.methods:
            run = run_one(method, paths[method], seed, args.work_dir, args.cfg_options)
            runs.append(run)
            print(
                f'{method} seed {seed}: GT-Known {run["gt_known"]:.2f} at θ={run["theta"]:g} '
                f'(val {run["val_gt_known"]:.2f}), {run["seconds"]:.0f} s',
                flush=True,
            )
    print(f'\n{table(runs)}')
    out = args.out or osp.join(args.work_dir, 'benchmark.json')
    os.makedirs(osp.dirname(osp.abspath(out)), exist_ok=True)
    with open(out, 'w', encoding='utf-8') as file:
        json.dump(dict(configs=paths, runs=runs, summary=summarize(runs)), file, indent=2)
    print(f'\nFigures: {out}')


if __name__ == '__main__':
    main()
