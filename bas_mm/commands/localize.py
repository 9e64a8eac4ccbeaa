"""Classes, boxes and maps of pictures: python -m bas_mm localize CONFIG CHECKPOINT INPUT ...

CONFIG is a file, the name of one of bas_mm's configs such as bas_resnet50_cub, or - for the config
that is noted in the checkpoint. A line is printed for each picture: its class, the score, and the
box x0 y0 x1 y1 in its pixels, x1 and y1 one past the end. Where nothing of the map is above θ the
box is the whole view, and the line says so.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bas_mm.command_line import CommandParser, fail, warn_of_two_thresholds

from .inference import add_inference_arguments, run_inference

if TYPE_CHECKING:
    from mmengine.config import Config

    from bas_mm.apis import LocalizationInferencer

SUMMARY = 'classes, boxes and maps of pictures'


def add_arguments(parser: CommandParser) -> None:
    """Add the command's arguments."""
    add_inference_arguments(parser)
    parser.add_argument(
        '--label',
        metavar='CLASS',
        help='localize this class; default: the one with the highest score',
    )
    parser.add_argument(
        '--threshold', type=float, metavar='T', help="θ of boxes; default: the config's"
    )
    parser.add_argument('--ten-crop', action='store_true', help='class scores from ten crops')
    parser.add_argument('--save-maps', action='store_true', help='write maps/, as .npy')
    parser.add_argument('--save-masks', action='store_true', help='write masks/, as PNG')


def run(args: argparse.Namespace) -> None:
    """Run the command."""
    if (args.save_maps or args.save_masks) and args.out_dir is None:
        fail('--save-maps and --save-masks need --out-dir')

    def make(cfg: Config | None) -> LocalizationInferencer:
        from bas_mm.apis import LocalizationInferencer

        inferencer = LocalizationInferencer(
            cfg, args.checkpoint, args.device, ten_crop=args.ten_crop
        )
        if args.threshold is None:
            # Of the config that is noted in the checkpoint, too.
            path = args.checkpoint if cfg is None else args.config
            warn_of_two_thresholds(inferencer.cfg, path)
        return inferencer

    run_inference(
        args,
        make,
        labels=args.label,
        threshold=args.threshold,
        save_maps=args.save_maps,
        save_masks=args.save_masks,
    )
