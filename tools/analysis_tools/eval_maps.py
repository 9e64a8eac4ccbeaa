"""Evaluate localization maps of any method against a split folder: no network is needed.

    python tools/analysis_tools/eval_maps.py MAPS SPLIT_DIR [options]

MAPS holds ``<image id>.npy`` (the id with its extension), an array (h, w) each, for every id of
``SPLIT_DIR/image_ids.txt``. Maps and boxes are those of the whole picture, scaled to the view.
The figures are those of the registered metrics; ``--result-dir`` takes their result files. With
``--val-maps`` and ``--val-split`` the threshold of Protocol A is chosen there and the figures of
SPLIT_DIR are reported at it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

import numpy as np

from bas_mm.command_line import OneLineParser, fail, require_writable, run_command
from bas_mm.datasets.errors import AnnotationError, UnreadableImageError
from bas_mm.datasets.text_lists import read_lines, require_disjoint
from bas_mm.evaluation.functional import PROTOCOL_A_THRESHOLDS
from bas_mm.utils.box_geometry import boxes_to_view, resize_boxes
from bas_mm.utils.result_files import write_json

if TYPE_CHECKING:
    from bas_mm.datasets import SplitFolder
    from bas_mm.evaluation.metrics.base_map_metric import BaseMapMetric


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = OneLineParser(description=__doc__.partition('\n')[0])
    parser.add_argument('maps', type=Path, help='folder of .npy maps')
    parser.add_argument('split_dir', type=Path, help='split folder with boxes or masks')
    parser.add_argument(
        '--metrics',
        nargs='+',
        choices=('LocalizationMetric', 'MaxBoxAcc', 'MaxBoxAccV2', 'PxAP'),
        help='which figures; default: PxAP for masks, else the three of boxes',
    )
    parser.add_argument('--mask-root', default='', help='folder that mask paths are relative to')
    parser.add_argument(
        '--thresholds', type=float, nargs='+', help='θ of Protocol A; default: 0.05, 0.10, ... 0.95'
    )
    parser.add_argument('--val-maps', type=Path, help='maps of the split that chooses θ')
    parser.add_argument('--val-split', type=Path, help='the split folder that chooses θ')
    parser.add_argument('--scores', type=Path, help='class scores: lines of id,score0,score1,…')
    parser.add_argument(
        '--val-scores',
        type=Path,
        help='those of the split that chooses θ; default: --scores, if all its pictures are there',
    )
    parser.add_argument(
        '--view',
        type=int,
        nargs=2,
        default=(224, 224),
        metavar=('H', 'W'),
        help='where boxes are compared, which tools/test.py does at the input of the network; '
        'default: 224 224',
    )
    parser.add_argument(
        '--no-normalize',
        action='store_true',
        help='maps are at the view and in [0, 1] already (LocalizationMetric always normalises)',
    )
    parser.add_argument(
        '--workers', type=int, default=0, help='processes of each metric; default: %(default)s'
    )
    parser.add_argument('--out', help='JSON file of the figures')
    parser.add_argument(
        '--result-dir',
        type=Path,
        help='folder of METRIC.csv, a row per picture, for each metric (MaxBoxAccV2 has those of '
        'MaxBoxAcc)',
    )
    parser.add_argument(
        '--result-format',
        choices=('csv', 'json'),
        default='csv',
        help='of these files; default: %(default)s',
    )
    parser.add_argument(
        '--per-class', action='store_true', help='they have the figures of each class too'
    )
    parser.add_argument(
        '--curve', action='store_true', help='they have the figures over all thresholds too'
    )
    args = parser.parse_args()
    if (args.val_maps is None) != (args.val_split is None):
        fail('--val-maps and --val-split go together')
    if args.val_scores is not None and args.val_split is None:
        fail('--val-scores needs --val-maps and --val-split')
    if args.val_split is not None and args.val_split.resolve() == args.split_dir.resolve():
        fail('--val-split is SPLIT_DIR itself: θ would be chosen on what is reported')
    for folder in filter(None, (args.maps, args.split_dir, args.val_maps, args.val_split)):
        if not folder.is_dir():
            fail(f'{folder} is no folder')
    if min(args.view) < 1:
        fail(f'--view {args.view[0]} {args.view[1]}: both must be at least 1')
    if args.workers < 0:
        fail(f'--workers must not be negative, got {args.workers}')
    if args.out is not None:
        require_writable(args.out, '--out')
    if args.result_dir is not None:
        require_writable(args.result_dir, '--result-dir', folder=True)
    for option in ('per_class', 'curve'):
        if getattr(args, option) and args.result_dir is None:
            fail(f'--{option.replace("_", "-")} is about the files of --result-dir: name a folder')
    return args


def read_split(split_dir: Path, mask_root: str) -> SplitFolder:
    """The pictures of a split with their ground truth; the pictures themselves are not needed."""
    from bas_mm.datasets import SplitFolder

    labels, _ = read_lines(str(split_dir / 'class_labels.txt'))
    # What is no number the data set below tells by its line.
    numbers = [line.rpartition(',')[2] for line in labels]
    count = 1 + max((int(number) for number in numbers if number.isdecimal()), default=0)
    return SplitFolder(
        str(split_dir),
        data_prefix={'img_path': '', 'mask_path': mask_root},
        classes=count,
        test_mode=True,
        check_files=False,
        # Nothing is trained here: a subset, or other truth of the same pictures, may lie beside it.
        check_disjoint=False,
    )


def require_other_pictures(val_split: Path, split_dir: Path) -> None:
    """Refuse two splits with a picture in common: θ would be chosen on what is reported."""
    own, tested = (str(folder / 'image_ids.txt') for folder in (val_split, split_dir))
    require_disjoint(
        (*read_lines(own), own),
        (*read_lines(tested), tested),
        'θ would be chosen on what is reported: take it from one of them',
    )


def samples(
    dataset: SplitFolder,
    maps: Path,
    view: tuple[int, int],
    scores: dict[str, np.ndarray] | None,
    masks: bool,
) -> Iterator[dict]:
    """What a network's prediction would hold, picture by picture.

    Args:
        dataset (SplitFolder): the split.
        maps (Path): folder of the maps.
        view (tuple[int, int]): height and width that maps and boxes are scaled to.
        scores (dict, optional): class scores by image id. Default: one for the labelled class.
        masks (bool): whether the masks are read.
    """
    from bas_mm.datasets import LoadLocMask
    from bas_mm.evaluation.metrics.map_writer import map_file

    load_mask = LoadLocMask()
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        image_id, file = info['image_id'], map_file(maps, info['image_id'])
        try:
            pred_map = np.load(file, allow_pickle=False)
        except FileNotFoundError:
            fail(f'{image_id}: there is no map {file}')
        except (OSError, ValueError, EOFError) as error:
            fail(f'{image_id}: {file} cannot be read: {error}')
        kind = getattr(pred_map, 'dtype', type(pred_map).__name__)
        if getattr(kind, 'kind', '') not in tuple('biuf'):
            fail(f'{image_id}: {file} holds {kind}: a map has bool, int or float values')
        if scores is None:
            score = np.zeros(dataset.num_classes)
            score[info['gt_label']] = 1
        elif image_id in scores:
            score = scores[image_id]
        else:
            fail(f'{image_id}: --scores has no line for it')
        sample = dict(
            image_id=image_id,
            img_shape=view,
            gt_label=np.array([info['gt_label']]),
            pred_map=pred_map,
            pred_score=score,
        )
        if 'gt_bboxes' in info:
            if 'width' not in info:
                fail(f'{image_id}: boxes are scaled to the view, but image_sizes.txt is missing')
            size, new_size = (info['width'], info['height']), view[::-1]
            boxes = resize_boxes(info['gt_bboxes'], size, new_size)
            sample['gt_bboxes'] = boxes_to_view(boxes, *new_size)
            sample['gt_bboxes_view'] = boxes.astype(np.int64)
        if masks:
            sample['gt_mask'] = load_mask({**info, 'img_shape': view})['gt_mask']
        yield sample


def ids_of(dataset: SplitFolder) -> list[str]:
    """Ids of a split's pictures."""
    return [dataset.get_data_info(index)['image_id'] for index in range(len(dataset))]


def evaluate(
    metrics: list, dataset: SplitFolder, maps: Path, args: argparse.Namespace, scores: dict | None
) -> dict[str, float]:
    """All figures of a folder of maps, from one pass over it."""
    from mmengine.utils import track_iter_progress

    view = tuple(args.view)
    masks = 'mask_paths' in dataset.get_data_info(0)
    pictures = samples(dataset, maps, view, scores, masks)
    for sample in track_iter_progress((pictures, len(dataset)), file=sys.stderr):
        for metric in metrics:
            metric.process(None, [sample])
    print(file=sys.stderr)
    figures = {}
    for metric in metrics:
        try:
            figures.update(metric.evaluate(len(dataset)))
        except OSError as error:
            fail(f'--result-dir {args.result_dir}: {error.strerror}')
    return figures


def build_metrics(
    names: list[str], thresholds: float | list[float], args: argparse.Namespace, scores: bool
) -> list[BaseMapMetric]:
    """The metrics of these names, with the result files that are asked for.

    Args:
        names (list[str]): those of --metrics.
        thresholds (float | list[float]): θ of Protocol A.
        args (argparse.Namespace): the command line.
        scores (bool): whether there are class scores.
    """
    from bas_mm.evaluation.metrics.detection_localization_metric import FIGURES_OF_CLASSES
    from bas_mm.registry import METRICS

    both = {'MaxBoxAcc', 'MaxBoxAccV2'} <= set(names)
    metrics = []
    for name in dict.fromkeys(names):
        if name == 'MaxBoxAcc' and both:  # MaxBoxAccV2 has its figures from the same work
            continue
        kind, options = METRICS.get(name), dict(num_workers=args.workers)
        if name == 'LocalizationMetric':
            options.update(thresholds=thresholds)
        else:
            options.update(normalize=not args.no_normalize, curve=args.curve)
        if name == 'MaxBoxAccV2':
            options.update(with_max_box_acc=both)
        if args.result_dir is not None:
            file = args.result_dir / f'{name}.{args.result_format}'
            options.update(result_file=str(file), per_class=args.per_class)
        metrics.append(kind(**options))
        if not scores:
            metrics[-1].left_out = FIGURES_OF_CLASSES  # which would only repeat GT-Known
    return metrics


def figures_of(args: argparse.Namespace) -> tuple[dict[str, float], str]:
    """All figures of the command line, and how θ was chosen, if it was."""
    from bas_mm.evaluation.score_files import read_scores
    from bas_mm.registry import METRICS

    chosen = ''
    dataset = read_split(args.split_dir, args.mask_root)
    scores = read_scores(args.scores) if args.scores is not None else None
    names = args.metrics
    if names is None:
        masks = 'mask_paths' in dataset.get_data_info(0)
        names = ['PxAP'] if masks else ['LocalizationMetric', 'MaxBoxAcc', 'MaxBoxAccV2']
    if 'LocalizationMetric' not in names:
        for option, value in (('--val-maps', args.val_maps), ('--thresholds', args.thresholds)):
            if value is not None:
                fail(
                    f'{option}: θ is that of LocalizationMetric, but the metrics are '
                    f'{", ".join(names)}: leave it out, or choose others by --metrics'
                )
    if args.curve and set(names) == {'LocalizationMetric'}:
        fail('--curve: LocalizationMetric has none: leave it out, or choose others by --metrics')
    thresholds = args.thresholds or PROTOCOL_A_THRESHOLDS
    if args.val_maps is not None:
        chooser = METRICS.build(dict(type='LocalizationMetric', thresholds=thresholds))
        val = read_split(args.val_split, args.mask_root)
        require_other_pictures(args.val_split, args.split_dir)
        val_scores = scores
        if args.val_scores is not None:
            val_scores = read_scores(args.val_scores)
        elif scores is not None and not scores.keys() >= set(ids_of(val)):
            val_scores = None
        figures = evaluate([chooser], val, args.val_maps, args, val_scores)
        thresholds = figures['localization/threshold']
        by = 'GT-Known alone, without scores' if val_scores is None else 'Top-1 Loc + GT-Known'
        chosen = f'θ = {thresholds:g}, chosen on {args.val_split} by {by}'
    elif len(thresholds) > 1 and 'LocalizationMetric' in names:
        print(
            f'θ is the best of {len(thresholds)} on {args.split_dir} itself: figures to report '
            'need --val-maps and --val-split, or one θ',
            file=sys.stderr,
        )
    metrics = build_metrics(names, thresholds, args, scores is not None)
    figures = evaluate(metrics, dataset, args.maps, args, scores)
    return figures, chosen


def main() -> None:
    """Evaluate and print."""
    args = parse_args()
    figures, chosen = figures_of(args)
    # Before they are printed: what reads them may end early.
    if args.out is not None:
        try:
            write_json(args.out, figures)
        except OSError as error:
            fail(f'--out {args.out}: {error.strerror}')
    if chosen:
        print(chosen)
    print(json.dumps(figures, indent=2))


if __name__ == '__main__':
    try:
        run_command(main)
    except (AnnotationError, UnreadableImageError, ValueError) as error:
        fail(str(error))
