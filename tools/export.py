"""Export a classifier: python tools/export.py CONFIG CHECKPOINT OUT.onnx|OUT.pt2 [options].

The file takes RGB pictures (uint8) and gives class scores and localization maps; it runs without
bas_mm. Before it is written, its numbers are compared with the classifier's on random pictures.
"""

import argparse
import sys
from pathlib import Path

if ((CHECKOUT := Path(__file__).resolve().parents[1]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

from bas_mm.command_line import (
    CommandParser,
    fail,
    fail_on_input_errors,
    load_config,
    require_file,
    require_writable,
    run_command,
    warn,
)
from bas_mm.export.errors import ExportError
from bas_mm.export.packages import require_packages


def parse_args() -> argparse.Namespace:
    """The command line; paths and packages that must be there are."""
    parser = CommandParser(description='Export a classifier as ONNX or for torch.export.')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', help='the file: NAME.onnx, or NAME.pt2 for torch.export.load')
    parser.add_argument(
        '--dynamic-batch',
        action='store_true',
        help='take any number of pictures at a time; default: one picture',
    )
    parser.add_argument(
        '--maps',
        choices=('predicted', 'given', 'all'),
        help='the mean over the K classes with the highest score (K: model.test_cfg.topk), the map '
        'of a class that is a second input, or the maps of all classes; default: predicted, or '
        'all for multi-label models',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help="of the pictures; default: what the config's test pipeline says",
    )
    parser.add_argument(
        '--no-check', action='store_true', help='write the file without running it first'
    )
    parser.add_config_options()
    args = parser.parse_args()
    require_file(args.config, 'config')
    require_file(args.checkpoint, 'checkpoint')
    require_writable(args.out, 'OUT')
    if args.size is not None and min(args.size) < 1:
        fail(f'--size {args.size[0]} {args.size[1]}: both must be at least 1')
    try:
        require_packages(args.out, not args.no_check)
    except ExportError as error:
        fail(str(error))
    return args


def main() -> None:
    """Export, and say what is in the file."""
    args = parse_args()
    cfg = load_config(args.config, args.cfg_options)

    from bas_mm.export.exporter import export_checkpoint

    # Some names no folder can have: nothing but OUT is written.
    with fail_on_input_errors(cfg, args.config, others=(OSError,)):
        result = export_checkpoint(
            cfg,
            args.checkpoint,
            args.out,
            view_size=args.size and tuple(args.size),
            maps=args.maps,
            dynamic_batch=args.dynamic_batch,
            check=not args.no_check,
        )
    if result.unknown:
        warn(
            f'{len(result.unknown)} entries of {args.checkpoint} are not in the model, such as '
            f'{result.unknown[0]}'
        )
    for name, shape in result.shapes.items():
        print(f'{name}:', str(shape).replace("'", ''))
    if result.checked_with is not None:
        differences = ', '.join(f'{value:.1e} ({k})' for k, value in result.differences.items())
        print(f'checked with {result.checked_with}: largest differences {differences}')
    print(f'{result.path}: {result.num_bytes / 1e6:.1f} MB')


if __name__ == '__main__':
    run_command(main)
