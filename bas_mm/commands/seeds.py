"""Segmentation seeds of pictures: python -m bas_mm seeds CONFIG CHECKPOINT INPUT ...

CONFIG is a file, the name of one of bas_mm's configs such as bas_seg_resnet50_voc12, or - for the
config that is noted in the checkpoint. A line is printed for each picture: its classes and their
scores. tools/wsss/make_seeds.py makes the seeds of a whole data set.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bas_mm.command_line import CommandParser, fail

from .inference import add_inference_arguments, run_inference

if TYPE_CHECKING:
    from mmengine.config import Config

    from bas_mm.apis import SegmentationSeedInferencer

SUMMARY = 'classes and segmentation seeds of pictures'


def add_arguments(parser: CommandParser) -> None:
    """Add the command's arguments."""
    add_inference_arguments(parser)
    parser.add_argument(
        '--labels',
        nargs='+',
        metavar='CLASS',
        help='classes of all pictures; default: those that the network finds',
    )
    parser.add_argument(
        '--score-thr',
        type=float,
        help="score of a class that is found; default: as the model's head says",
    )
    parser.add_argument(
        '--background',
        type=float,
        default=0.3,
        help='background score of the masks; default: %(default)s',
    )
    parser.add_argument('--save-seeds', action='store_true', help='write seeds/, as .npz')


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    if args.save_seeds and args.out_dir is None:
        fail('--save-seeds needs --out-dir')

    def make(cfg: Config) -> SegmentationSeedInferencer:
        from bas_mm.apis import SegmentationSeedInferencer

        return SegmentationSeedInferencer(cfg, args.checkpoint, args.device)

    run_inference(
        args,
        make,
        labels=args.labels,
        score_thr=args.score_thr,
        background=args.background,
        save_seeds=args.save_seeds,
    )
