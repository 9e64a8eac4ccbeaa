"""Evaluate seeds at all background scores in one pass.

    python tools/wsss/eval_seeds.py CONFIG SEEDS [--ids FILE] [--out FILE.json]
    python tools/wsss/eval_seeds.py SEEDS --masks DIR --classes N_OR_NAME … [--ids FILE]

The config's ``seed_evaluator`` may hold ``thresholds`` and ``dataset``; without the latter the
data set of ``seed_dataloader`` says which pictures there are and where their masks lie. Pictures
whose mask is not there are left out, but not those that ``--ids`` lists. Masks are palette
pictures: 0 background, k + 1 class k, 255 ignored.
"""

import argparse
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

if find_spec('bas_mm') is None:  # not installed: the checkout that this file is in
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bas_mm.command_line import fail, load_config, require_file


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition('\n')[0], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('config', nargs='?', help='config file; or --masks and --classes')
    parser.add_argument('seeds', type=Path, help='folder of seeds')
    parser.add_argument('--masks', type=Path, help='folder of masks <image id>.png')
    parser.add_argument(
        '--classes', nargs='+', help='names of the foreground classes, or how many there are'
    )
    parser.add_argument(
        '--ids', type=Path, help="list of the pictures: a line's first word is an image id"
    )
    parser.add_argument('--thresholds', type=float, nargs='+', help='background scores')
    parser.add_argument('--num-workers', type=int, default=0, help='worker processes (0)')
    parser.add_argument('--out', help='JSON file of all figures')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help="settings in place of the config's",
    )
    args = parser.parse_args()
    if args.config is None and (args.masks is None or args.classes is None):
        fail('without a config --masks and --classes are needed')
    if args.config is not None:
        require_file(args.config, 'config')
        if args.masks is not None or args.classes is not None:
            fail('--masks and --classes stand in place of a config: give one or the other')
    if args.out is not None and Path(args.out).suffix != '.json':
        fail(f'--out {args.out}: the name must end in .json')
    if args.num_workers < 0:
        fail(f'--num-workers must be 0 or more, got {args.num_workers}')
    for folder in filter(None, (args.seeds, args.masks)):
        if not folder.is_dir():
            fail(f'{folder} is no folder')
    return args


def read_ids(path: Path) -> list[str]:
    """Image ids of a list, such as those of VOC's ImageSets."""
    try:
        lines = path.read_text(encoding='utf-8').splitlines()
    except (OSError, ValueError) as error:
        fail(f'--ids {path} cannot be read: {error}')
    ids = [line.split()[0] for line in lines if line.strip()]
    for image_id, count in Counter(ids).items():
        if count > 1:
            fail(f'--ids {path}: {image_id} comes more than once')
    if not ids:
        fail(f'--ids {path} names no picture')
    return ids


def masks_of_config(args: argparse.Namespace, ids: list[str] | None) -> tuple:
    """Masks by image id, class names and background scores of a config."""
    cfg = load_config(args.config, args.cfg_options, None)

    from mmengine.registry import init_default_scope

    from bas_mm.registry import DATASETS

    init_default_scope(cfg.get('default_scope', 'bas_mm'))
    evaluator = cfg.get('seed_evaluator') or {}
    dataset = evaluator.get('dataset') or (cfg.get('seed_dataloader') or {}).get('dataset')
    if dataset is None:
        fail(f'the config {args.config} has neither seed_dataloader nor seed_evaluator.dataset')
    dataset = DATASETS.build(dataset)
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    masks = {info['image_id']: info.get('seg_map_path') for info in infos}
    if ids is None:
        there = {k: mask for k, mask in masks.items() if mask is not None and Path(mask).is_file()}
        if len(there) < len(masks):
            print(f'{len(there)} of {len(masks)} pictures have a mask', file=sys.stderr)
        if not there:
            fail('no picture of the data set has a mask: is its folder of masks given?')
        masks = there
    else:
        for image_id in ids:
            if masks.get(image_id) is None:
                fail(f'--ids {args.ids}: the data set has no mask of {image_id}')
        masks = {image_id: masks[image_id] for image_id in ids}
    return masks, list(dataset.metainfo['classes']), evaluator.get('thresholds')


def masks_of_folder(args: argparse.Namespace, ids: list[str] | None) -> tuple:
    """Masks by image id, and class names."""
    if ids is None:
        ids = sorted(path.stem for path in args.masks.glob('*.png'))
        if not ids:
            fail(f'{args.masks} has no .png file')
    classes = args.classes
    if len(classes) == 1 and classes[0].isdecimal():
        classes = [f'class {k}' for k in range(1, int(classes[0]) + 1)]
    return {image_id: args.masks / f'{image_id}.png' for image_id in ids}, classes, None


def main() -> None:
    """Evaluate, print and write."""
    args = parse_args()
    ids = read_ids(args.ids) if args.ids is not None else None

    from bas_mm.evaluation.result_files import write_json
    from bas_mm.wsss.seed_evaluation import THRESHOLDS, evaluate_seeds, report, table
    from bas_mm.wsss.seed_file import SeedFile

    try:
        find = masks_of_folder if args.config is None else masks_of_config
        masks, classes, thresholds = find(args, ids)
        pairs = [(SeedFile.path(args.seeds, image_id), mask) for image_id, mask in masks.items()]
        thresholds = args.thresholds or thresholds or THRESHOLDS
        scores = evaluate_seeds(pairs, len(classes), thresholds, args.num_workers)
    except ValueError as error:
        fail(str(error))
    figures = report(scores, classes, len(pairs))
    print(table(figures))
    if args.out is not None:
        write_json(args.out, figures)


if __name__ == '__main__':
    main()
