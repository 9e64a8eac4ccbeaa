"""Evaluate seeds at all background scores in one pass.

    python tools/wsss/eval_seeds.py CONFIG SEEDS [--ids FILE] [--out FILE.json]
    python tools/wsss/eval_seeds.py SEEDS --masks DIR --classes N_OR_NAME … [--ids FILE]

The config's ``seed_evaluator`` may hold ``thresholds`` and ``dataset``; without the latter the
data set of ``seed_dataloader`` says which pictures there are and where their masks lie. Pictures
whose mask is not there are left out, but not those that ``--ids`` lists. Masks are palette
pictures: 0 background, k + 1 class k, 255 ignored.
"""

import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import fail_on, run_command
from bas_mm.command_line.truth_masks import evaluation_parser, find_truth_masks, parse_evaluation
from bas_mm.wsss.making_commands import seed_command


def main() -> None:
    """Evaluate, print and write."""
    parser = evaluation_parser(__doc__, 'seeds')
    parser.add_argument(
        '--thresholds',
        type=float,
        nargs='+',
        help='background scores; default: 0.20, 0.21, ... 0.44',
    )
    args = parse_evaluation(parser, seed_command)

    from bas_mm.utils.result_files import write_json
    from bas_mm.wsss.seed_evaluation import THRESHOLDS, evaluate_seeds, report, table
    from bas_mm.wsss.seed_file import SeedFile
    from bas_mm.wsss.seed_source import SeedSource

    with fail_on(ValueError, OSError):
        masks, classes, cfg = find_truth_masks(args)
        SeedSource(args.folder).require_classes(classes, 'the set of true masks')
        thresholds = args.thresholds
        if thresholds is None and cfg is not None:
            thresholds = (cfg.get('seed_evaluator') or {}).get('thresholds')
        pairs = [(SeedFile.path(args.folder, name), mask) for name, mask in masks.items()]
        scores = evaluate_seeds(pairs, len(classes), thresholds or THRESHOLDS, args.num_workers)
        figures = report(scores, classes, len(pairs))
        if args.out is not None:
            write_json(args.out, figures)
    print(table(figures))


if __name__ == '__main__':
    run_command(main)
