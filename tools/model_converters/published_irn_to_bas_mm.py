"""Bring a published IRNet checkpoint into bas_mm's names.

    python tools/model_converters/published_irn_to_bas_mm.py SRC DST [options]

SRC is a .pth of the published IRNet (ResNet50). It holds most weights several times, under names
that are left out here. Every other name is checked against the model of our config; if a weight of
the file has no place in the model, a weight of the model is not in the file, or shapes differ, all
of them are listed, nothing is written and the exit status is 2, unless the options allow it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if ((REPO := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(REPO))

from bas_mm.command_line import OneLineParser, fail_on, run_command
from bas_mm.command_line.conversion import add_conversion_options, require_places, save_converted

if TYPE_CHECKING:
    import torch

    from bas_mm.models.weights import Placement

CONFIG = REPO / 'configs/wsss/irn_resnet50_voc12.py'


def convert(weights: Mapping[str, torch.Tensor], config: Path = CONFIG) -> Placement:
    """Put published weights in their places in our model.

    Args:
        weights: Published name -> weight, without ``module.``.
        config: The config of the model.

    Returns:
        See :func:`~bas_mm.models.weights.conversion.place_in_model`.
    """
    from mmengine.config import Config

    from bas_mm.models.weights.conversion import place_in_model
    from bas_mm.models.weights.irn_key_maps import is_published_alias, published_irn_to_bas_mm
    from bas_mm.registry import MODELS

    model = MODELS.build(Config.fromfile(config).model)
    weights = {name: value for name, value in weights.items() if not is_published_alias(name)}
    return place_in_model(weights, model, published_irn_to_bas_mm)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = OneLineParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, metavar='SRC', help='the published checkpoint')
    parser.add_argument('dst', type=Path, metavar='DST', help='the file to write')
    parser.add_argument(
        '--config',
        type=Path,
        default=CONFIG,
        help='config of the model; default: irn_resnet50_voc12.py',
    )
    add_conversion_options(parser)
    args = parser.parse_args(argv)
    require_places(args)
    return args


def run(args: argparse.Namespace) -> None:
    """Convert as told; raise ``ConversionError`` for what the user must be told."""
    from bas_mm.models.weights import unwrap
    from bas_mm.models.weights.conversion import ConversionError, read_checkpoint
    from bas_mm.models.weights.irn_key_maps import published_irn_to_bas_mm
    from bas_mm.utils import register_all_modules

    try:
        weights = unwrap(read_checkpoint(args.src, args.trust_source))
    except ValueError as error:
        raise ConversionError(f'{args.src}: {error}') from error
    if not published_irn_to_bas_mm(weights):
        found = ', '.join(sorted(weights)[:5])
        raise ConversionError(f'{args.src}: not a published IRNet, but {found} …')
    register_all_modules()
    save_converted(args, convert(weights, args.config), 'IRNet', backbone='irn_resnet50')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)

    from bas_mm.models.weights.conversion import ConversionError

    with fail_on(ConversionError, OSError):
        run(args)


if __name__ == '__main__':
    run_command(main)
