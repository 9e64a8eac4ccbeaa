"""Report of a test run, or of several side by side, as one HTML page that needs no other file.

    python tools/analysis_tools/report.py --run CAM CONFIG CHECKPOINT --run BAS CONFIG CHECKPOINT

Tests each checkpoint on its config's test pictures, at the config's θ, and writes figures,
BoxAcc over τ, precision and recall of pixels (where the pipeline loads masks), IoU histogram, a
table of the classes, and pictures with the map and boxes of every method. The baseline comes first;
pictures are chosen by the IoU of the last method, and by its difference to the baseline.
"""

import argparse
import sys
from contextlib import AbstractContextManager
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    OneLineParser,
    fail,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_file,
    require_writable,
    run_command,
)

# With more classes, a best and a worst picture of each would make the page too large.
MANY_CLASSES = 200


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument(
        '--run',
        nargs=3,
        action='append',
        required=True,
        metavar=('NAME', 'CONFIG', 'CHECKPOINT'),
        help='a method; up to six, the baseline first',
    )
    parser.add_argument('--out', default='report.html', help='the page; default: %(default)s')
    parser.add_argument(
        '--pictures',
        type=int,
        default=12,
        help='how many best, worst, ... to draw; default: %(default)s',
    )
    parser.add_argument(
        '--per-class',
        type=int,
        help='how many best and worst of each class to draw; default: 1, or 0 with more than '
        f'{MANY_CLASSES} classes',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/report'),
        help='logs and result files; default: %(default)s',
    )
    parser.add_config_options('for all configs')
    args = parser.parse_args()
    names = [run[0] for run in args.run]
    if len(set(names)) < len(names):
        fail(f'--run: two runs have one name: {", ".join(names)}')
    for _, config, checkpoint in args.run:
        require_file(config, 'config')
        require_file(checkpoint, 'checkpoint')
    require_writable(args.out, '--out')
    require_writable(args.work_dir, '--work-dir', folder=True)
    for option in ('pictures', 'per_class'):
        value = getattr(args, option)
        if value is not None and value < 0:
            fail(f'--{option.replace("_", "-")} must not be negative, got {value}')
    return args


def main() -> None:
    """Test, choose, draw, write."""
    args = parse_args()
    configs = []
    for number, (_, path, _) in enumerate(args.run):
        cfg = load_config(path, args.cfg_options, str(args.work_dir / f'run_{number}'))
        if cfg.get('test_dataloader') is None:
            fail(f'the config {path} has no test_dataloader')
        prepare_devices(cfg, 'none')
        configs.append(cfg)

    from mmengine.config import Config

    from bas_mm.apis import require_comparable_runs, run_for_report, write_report

    paths = [path for _, path, _ in args.run]

    def of_run(number: int) -> AbstractContextManager:
        return fail_on_input_errors(configs[number], paths[number])

    # Of all runs together, whose pictures differ, say, and of the page.
    with fail_on_input_errors(Config(), ', '.join(dict.fromkeys(paths))):
        require_comparable_runs(
            [(name, cfg, checkpoint) for (name, _, checkpoint), cfg in zip(args.run, configs)],
            of_run,
        )
        runs = []
        for number, (name, path, checkpoint) in enumerate(args.run):
            with of_run(number):
                runs.append(run_for_report(name, configs[number], checkpoint, path))
        per_class = args.per_class
        if per_class is None:
            per_class = 1 if len(runs[0].result.classes) <= MANY_CLASSES else 0
        drawn = write_report(runs, args.out, args.pictures, per_class)
    size = Path(args.out).stat().st_size / 1e6
    print(f'{drawn} pictures drawn; {size:.1f} MB: {Path(args.out).resolve()}')


if __name__ == '__main__':
    run_command(main)
