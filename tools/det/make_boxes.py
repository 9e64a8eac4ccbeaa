"""Boxes of a checkpoint as a COCO file, to train a detector on.

    python tools/det/make_boxes.py CONFIG CHECKPOINT OUT.json [options]

The boxes are Protocol A's, in pixels of the original pictures, one per picture; a picture whose
map has no pixel above θ has none. ``OUT_classes.txt`` beside it has the names of the classes. On
several GPUs it is started by ``python -m torch.distributed.run --nproc_per_node=GPUS``, and gets
``--launcher pytorch`` besides.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    close_process_group,
    enable_ten_crop,
    fail,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_file,
    require_writable,
    run_command,
    warn_of_two_thresholds,
)
from bas_mm.utils.config_checkpoint import use_checkpoint
from bas_mm.utils.config_metrics import threshold_of
from bas_mm.utils.config_types import registered_class, type_name

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner


def parse_args() -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = CommandParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', help='the COCO file, *.json')
    parser.add_argument(
        '--split',
        choices=('train', 'val', 'test'),
        default='train',
        help='whose pictures, as the test pipeline shows them; default: %(default)s',
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        '--classes',
        choices=('gt', 'pred'),
        default='gt',
        help="a box's class: the picture's label (gt), or the classifier's first (pred); "
        'default: %(default)s',
    )
    kind.add_argument(
        '--class-agnostic', action='store_true', help='one category, object, for all boxes'
    )
    parser.add_argument('--threshold', type=float, help="θ; default: the config's")
    parser.add_argument('--tta', action='store_true', help='class scores from ten crops')
    parser.add_argument(
        '--scores', metavar='FILE.csv', help='write all class scores too: lines of id,score0,…'
    )
    parser.add_common_arguments()
    args = parser.parse_args()
    require_file(args.config, 'config')
    require_file(args.checkpoint, 'checkpoint')
    if Path(args.out).suffix != '.json':
        fail(f'OUT {args.out}: the name must end in .json')
    if args.threshold is not None and not 0 <= args.threshold < 1:
        fail(f'--threshold must lie in [0, 1), got {args.threshold:g}')
    require_writable(args.out, 'OUT')
    if args.scores is not None:
        require_writable(args.scores, '--scores')
        names = Path(args.out).with_name(f'{Path(args.out).stem}_classes.txt')
        if os.path.realpath(args.scores) in map(os.path.realpath, (args.out, names)):
            fail(f'--scores {args.scores}: this file is to have the boxes or the names of classes')
    return args


def require_one_label(cfg: 'Config', path: str) -> None:
    """Refuse a model of several labels per picture, which predicts no map to cut a box of.

    Args:
        cfg (Config): The config.
        path (str): Its file, for the message.
    """
    from bas_mm.models.classifiers import MultiLabelClassifier
    from bas_mm.registry import MODELS

    kind = registered_class(MODELS, cfg.get('model'))
    if kind is not None and issubclass(kind, MultiLabelClassifier):
        fail(
            f'{path}: model.type={kind.__name__!r} is for pictures with several labels, of which '
            'it predicts no map to cut one box of: take a model of configs/bas or configs/cam'
        )


def use_split(cfg: 'Config', split: str, path: str) -> None:
    """Test on the pictures of a split, in the pipeline of the test.

    Masks are not read: boxes do not need them, and training pictures have none.

    Args:
        cfg (Config): Changed in place.
        split (str): 'train', 'val' or 'test'.
        path (str): The config file, for messages.
    """
    for name in (split, 'test'):
        if cfg.get(f'{name}_dataloader') is None:
            fail(f'the config {path} has no {name}_dataloader')
    tested = cfg.test_dataloader.dataset
    if 'pipeline' in tested:
        pipeline = [step for step in tested.pipeline if type_name(step) != 'LoadLocMask']
        cfg.test_dataloader = {**cfg.test_dataloader, 'dataset': {**tested, 'pipeline': pipeline}}
    if split == 'test':
        return
    dataset = cfg[f'{split}_dataloader'].dataset.copy()
    for key in ('pipeline', 'type'):
        if key not in dataset or key not in cfg.test_dataloader.dataset:
            fail(
                f'--split {split}: the data sets of {path} must have a {key} of their own; '
                'wrappers such as RepeatDataset show pictures several times'
            )
    dataset.update(pipeline=pipeline, test_mode=True)
    cfg.test_dataloader = {**cfg.test_dataloader, 'dataset': dataset}


def leave_out_unreadable(runner: 'Runner') -> None:
    """Test without the pictures that cannot be read, each named on stderr.

    They are looked for beforehand, so that all processes agree on the pictures that there are; each
    process looks at every n-th. The config does not list those that are left: to log and save a
    config with a million of numbers takes minutes.

    Args:
        runner (Runner): Its test gets another loader where pictures are left out.
    """
    from mmengine.dataset import Compose
    from mmengine.dist import all_gather_object, get_rank, get_world_size, is_main_process

    from bas_mm.datasets import UnreadableImageError
    from bas_mm.utils.bounded_threads import BoundedThreads

    settings, loop = runner.cfg.test_dataloader, runner.test_loop
    dataset = loop.dataloader.dataset
    # The first transform is the reader.
    read = Compose(dataset.pipeline.transforms[:1])

    def problem(place: int) -> dict[int, str]:
        try:
            # Not by the data set, whose error advises what is done here.
            read(dataset.get_data_info(place))
        except UnreadableImageError as error:
            return {place: str(error)}
        return {}

    found: dict[int, str] = {}
    with BoundedThreads(settings.get('num_workers') or 1) as threads:
        for place in range(get_rank(), len(dataset), get_world_size()):
            threads.submit(problem, place)
            for problems in threads.finished():
                found.update(problems)
        for problems in threads.finished(everything=True):
            found.update(problems)
    problems = {place: what for part in all_gather_object(found) for place, what in part.items()}
    if is_main_process():
        for place in sorted(problems):
            print(f'{problems[place]}; it is left out', file=sys.stderr)
    if problems:
        dataset.get_subset_([place for place in range(len(dataset)) if place not in problems])
        # Its sampler has counted the pictures.
        loop.dataloader = runner.build_dataloader({**settings, 'dataset': dataset}, runner.seed)


def main() -> None:
    """Run the network over the split."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options, args.work_dir)
    require_one_label(cfg, args.config)
    use_split(cfg, args.split, args.config)
    classes = 'agnostic' if args.class_agnostic else args.classes
    if classes == 'pred':
        # The map of one class, where it is one, is that of the box's class.
        cfg.model.setdefault('test_cfg', {})['class_source'] = 'pred'
    if args.tta:
        enable_ten_crop(cfg)
    threshold = args.threshold
    if threshold is None:
        warn_of_two_thresholds(cfg, args.config)
        threshold = threshold_of(cfg)
    if threshold is None:
        fail(
            f'{args.config} has no single θ, neither in model.test_cfg nor in test_evaluator: give '
            'one by --threshold'
        )
    cfg.test_evaluator = {
        'type': 'bas_mm.CocoBoxWriter',
        'out_file': args.out,
        'threshold': threshold,
        'classes': classes,
        'scores_file': args.scores,
    }
    use_checkpoint(cfg, args.checkpoint)
    prepare_devices(cfg, args.launcher)

    from mmengine.dist import is_main_process
    from mmengine.runner import Runner

    from bas_mm.datasets import UnreadableImageError

    stands_for = {'test_dataloader': f'{args.split}_dataloader'}
    with fail_on_input_errors(cfg, args.config, stands_for):
        runner = Runner.from_cfg(cfg)
        if args.split == 'train' and cfg.test_dataloader.dataset.get('skip_unreadable'):
            leave_out_unreadable(runner)
        try:
            figures = runner.test()
        except UnreadableImageError as error:
            if args.launcher != 'none':  # the one line would be that of the first process alone
                raise
            # A worker process puts its traceback before it.
            what = ''.join(str(error).rpartition('unreadable picture')[1:]).strip()
            if args.split == 'train':
                what += ', or leave such pictures out by '
                what += 'train_dataloader.dataset.skip_unreadable=True'
            fail(what)
    if is_main_process():
        boxes, pictures = (
            figures[f'localization/{name}'] for name in ('boxes_written', 'pictures')
        )
        print(f'{args.out}: boxes of {boxes:g} of {pictures:g} pictures')
    close_process_group()


if __name__ == '__main__':
    run_command(main)
