"""The true masks that commands compare with, by their arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .configs import load_config
from .messages import fail
from .parsers import OneLineParser
from .paths import require_file, require_writable

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['TruthMasks', 'evaluation_parser', 'find_truth_masks', 'parse_evaluation']


class TruthMasks(NamedTuple):
    """The true masks of a set.

    Attributes:
        masks (dict[str, str | Path]): File by image id.
        classes (list[str]): Names of the foreground classes.
        cfg (Config, optional): The config that named them.
    """

    masks: dict[str, str | Path]
    classes: list[str]
    cfg: Config | None


def evaluation_parser(doc: str, evaluated: str) -> OneLineParser:
    """The arguments of commands that compare a folder with true masks.

    Args:
        doc (str): The command's docstring.
        evaluated (str): Name of the argument of the folder; a folder of what.
    """
    parser = OneLineParser(description=doc.partition('\n')[0])
    parser.add_argument('config', nargs='?', help='config file; or --masks and --classes')
    parser.add_argument('folder', type=Path, metavar=evaluated, help=f'folder of {evaluated}')
    parser.add_argument('--masks', type=Path, help='folder of true masks <image id>.png')
    parser.add_argument(
        '--classes', nargs='+', help='names of the foreground classes, or how many there are'
    )
    parser.add_argument(
        '--ids',
        type=Path,
        help="list of the pictures: a line's first word is an image id or the path of a picture",
    )
    parser.add_argument(
        '--num-workers', type=int, default=0, help='worker processes; default: %(default)s'
    )
    parser.add_argument('--out', help='JSON file of all figures')
    parser.add_config_options()
    return parser


def parse_evaluation(
    parser: argparse.ArgumentParser, command: Callable[[Path], str]
) -> argparse.Namespace:
    """Parse; exit with status 2 unless the arguments fit and the paths that must exist do.

    Args:
        parser (ArgumentParser): That of :func:`evaluation_parser`.
        command (Callable[[Path], str]): Gives the command that makes a folder to evaluate.
    """
    args = parser.parse_args()
    if args.config is None and (args.masks is None or args.classes is None):
        fail('without a config --masks and --classes are needed')
    if args.config is not None:
        require_file(args.config, 'config')
        if args.masks is not None or args.classes is not None:
            fail('--masks and --classes stand in place of a config: give one or the other')
    if args.out is not None:
        if Path(args.out).suffix != '.json':
            fail(f'--out {args.out}: the name must end in .json')
        require_writable(args.out, '--out')
    if args.num_workers < 0:
        fail(f'--num-workers must be 0 or more, got {args.num_workers}')
    if not args.folder.is_dir():
        fail(f'there is no folder {args.folder}: make it with {command(args.folder)}')
    if args.masks is not None and not args.masks.is_dir():
        fail(f'--masks {args.masks} is no folder')
    return args


def find_truth_masks(args: argparse.Namespace) -> TruthMasks:
    """The true masks that the arguments name.

    The data set of a config is its :func:`~bas_mm.utils.config_datasets.evaluated_set`. Pictures
    whose mask is not there are left out, but not those that ``--ids`` lists.

    Raises:
        ValueError: The config's data set cannot be read.
    """
    ids = _read_ids(args.ids) if args.ids is not None else None
    return (_of_folder if args.config is None else _of_config)(args, ids)


def _read_ids(path: Path) -> list[str]:
    """Image ids of a list, such as those of VOC's ImageSets."""
    from bas_mm.datasets.errors import AnnotationError
    from bas_mm.datasets.label_lists import read_ids

    try:
        return read_ids(str(path), ignore_rest=True)[0]
    except AnnotationError as error:
        fail(f'--ids {error}')


def _of_config(args: argparse.Namespace, ids: Sequence[str] | None) -> TruthMasks:
    cfg = load_config(args.config, args.cfg_options, None)

    from mmengine.registry import init_default_scope

    from bas_mm.registry import DATASETS
    from bas_mm.utils.config_datasets import evaluated_set
    from bas_mm.utils.config_model import scope_of

    init_default_scope(scope_of(cfg))
    dataset = evaluated_set(cfg)
    if dataset is None:
        fail(
            f'the config {args.config} has neither seed_dataloader nor seed_evaluator.dataset nor '
            'train_dataloader.dataset.pictures'
        )
    dataset = DATASETS.build(dataset)
    infos = (dataset.get_data_info(index) for index in range(len(dataset)))
    masks = {info['image_id']: info.get('seg_map_path') for info in infos}
    if ids is None:
        there = {k: mask for k, mask in masks.items() if mask is not None and Path(mask).is_file()}
        if len(there) < len(masks):
            print(f'{len(there)} of {len(masks)} pictures have a mask', file=sys.stderr)
        if not there:
            folder = getattr(dataset, 'data_prefix', {}).get('seg_map_path')
            where = f'none is in {folder}' if folder else 'no folder of masks is given'
            advice = getattr(dataset, 'TRUE_MASK_ADVICE', 'Set it to where they are')
            where += f' (data_prefix.seg_map_path). {advice}'
            fail(f'no picture of the data set has a mask: {where}')
        masks = there
    else:
        for image_id in ids:
            if masks.get(image_id) is None:
                fail(f'--ids {args.ids}: the data set has no mask of {image_id}')
        masks = {image_id: masks[image_id] for image_id in ids}
    return TruthMasks(masks, list(dataset.metainfo['classes']), cfg)


def _of_folder(args: argparse.Namespace, ids: Sequence[str] | None) -> TruthMasks:
    if ids is None:
        ids = sorted(path.stem for path in args.masks.glob('*.png'))
        if not ids:
            fail(f'{args.masks} has no .png file')
    classes = args.classes
    if len(classes) == 1 and classes[0].isdecimal():
        classes = [f'class {k}' for k in range(1, int(classes[0]) + 1)]
    return TruthMasks({name: args.masks / f'{name}.png' for name in ids}, classes, None)
