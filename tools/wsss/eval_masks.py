"""Evaluate pseudo masks: IoU of each class, mIoU, and what only one side has.

    python tools/wsss/eval_masks.py CONFIG PSEUDO_MASKS [--ids FILE] [--out FILE.json]
    python tools/wsss/eval_masks.py PSEUDO_MASKS --masks DIR --classes N_OR_NAME … [--ids FILE]

The data set of the config's ``seed_evaluator.dataset``, or else of ``seed_dataloader``, or else of
``train_dataloader.dataset.pictures`` (IRNet's) says which pictures there are and where their true
masks lie. Pictures without a true mask are left out, but not those that ``--ids`` lists. Masks are
palette pictures: 0 background, k + 1 class k; of the true ones 255 is ignored.
"""

import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import fail_on, run_command
from bas_mm.command_line.truth_masks import evaluation_parser, find_truth_masks, parse_evaluation
from bas_mm.wsss.making_commands import mask_command


def main() -> None:
    """Evaluate, print and write."""
    args = parse_evaluation(evaluation_parser(__doc__, 'pseudo_masks'), mask_command)

    from bas_mm.datasets.label_map_folder import require_classes_of_masks
    from bas_mm.utils.result_files import write_json
    from bas_mm.wsss.mask_evaluation import evaluate_masks, report, table

    with fail_on(ValueError, OSError):
        masks, classes, _ = find_truth_masks(args)
        require_classes_of_masks(args.folder, classes, 'the set of true masks')
        pairs = [(args.folder / f'{name}.png', mask) for name, mask in masks.items()]
        scores = evaluate_masks(pairs, len(classes), args.num_workers)
        figures = report(scores, classes, len(pairs))
        if args.out is not None:
            write_json(args.out, figures)
    print(table(figures))


if __name__ == '__main__':
    run_command(main)
