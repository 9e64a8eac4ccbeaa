"""Choose checkpoint and threshold on val, report them on test: nobody tunes on test.

    python tools/select_and_test.py CONFIG CHECKPOINT [CHECKPOINT ...] [options]

Every checkpoint is tested on the config's ``val`` at every θ: those of --thresholds, else those of
the config where its ``val_evaluator`` has several, else 0.05, 0.10, ... 0.95. The best pair by the
figures of --by there, Top-1 Loc + GT-Known by default, and only that one, is tested on ``test``.
Metrics that need no θ, such as PxAP, choose the checkpoint alone. A config whose val is its test is
refused.
"""

import argparse
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[1]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    close_process_group,
    fail,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_file,
    require_writable,
    run_command,
)
from bas_mm.utils.config_metrics import CHOICE_FIGURES, localization_metrics, only_threshold


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = CommandParser(description=__doc__.partition('\n')[0])
    parser.add_argument('checkpoints', nargs='+', help='the candidates')
    parser.add_argument(
        '--thresholds',
        type=float,
        nargs='+',
        help="θ to choose from; default: those of the config's val_evaluator where it has several, "
        'else 0.05, 0.10, ... 0.95',
    )
    parser.add_argument(
        '--by',
        nargs='+',
        choices=CHOICE_FIGURES,
        metavar='FIGURE',
        help=f'the figures whose sum decides, among {", ".join(CHOICE_FIGURES)}; default: top1_loc '
        'gt_known, else the first of the others that val_evaluator reports',
    )
    parser.add_argument('--out', metavar='FILE.json', help='file of the choice and its figures')
    parser.add_common_arguments()
    args = parser.parse_args()
    require_file(args.config, 'config')
    for checkpoint in args.checkpoints:
        require_file(checkpoint, 'checkpoint')
    if args.out is not None:
        require_writable(args.out, '--out')
    return args


def main() -> None:
    """Choose, test, print."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)

    from bas_mm.apis import choose_checkpoint_and_test, results_table, set_thresholds
    from bas_mm.evaluation.functional import PROTOCOL_A_THRESHOLDS
    from bas_mm.utils.result_files import write_json

    evaluator, thresholds = cfg.get('val_evaluator'), args.thresholds
    metrics = localization_metrics(evaluator)
    if thresholds is not None and not metrics:
        fail(
            f'{args.config}: --thresholds: val_evaluator has no LocalizationMetric, which alone '
            'has thresholds'
        )
    has_several = any(only_threshold(metric) is None for metric in metrics)
    if metrics and (thresholds is not None or not has_several):
        set_thresholds(evaluator, thresholds or list(PROTOCOL_A_THRESHOLDS))
    prepare_devices(cfg, args.launcher)

    from mmengine.dist import is_main_process

    with fail_on_input_errors(cfg, args.config):
        result = choose_checkpoint_and_test(cfg, args.checkpoints, Path(args.config).stem, args.by)
        if args.out is not None and is_main_process():
            chosen = {'checkpoint': result.checkpoint, 'threshold': result.threshold}
            write_json(args.out, {**chosen, 'val': result.val, 'test': result.test})
    if is_main_process():
        at = '' if result.threshold is None else f' at θ = {result.threshold:g}'
        print(f'\nChosen on val: {result.checkpoint}{at}. On test:\n')
        print(results_table([result]))
    close_process_group()


if __name__ == '__main__':
    run_command(main)
