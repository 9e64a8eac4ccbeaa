"""Bring a published IRNet checkpoint into bas_mm's names.

    python tools/model_converters/published_irn_to_bas_mm.py SRC DST [options]

SRC is a .pth of the published IRNet (ResNet50). It holds most weights several times, under names
that are left out here. Every other name is checked against the model of our config; if a weight of
the file has no place in the model, a weight of the model is not in the file, or shapes differ, all
of them are listed, nothing is written and the exit status is 2, unless the options allow it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
if (REPO / 'bas_mm').is_dir():  # its own checkout, whatever is installed
    sys.path.insert(0, str(REPO))

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402

from bas_mm.command_line import OneLineParser, fail_on, run_command  # noqa: E402
from bas_mm.command_line.conversion import add_conversion_options, save_converted  # noqa: E402
from bas_mm.models.weights import Placement, unwrap  # noqa: E402
from bas_mm.models.weights.conversion import (  # noqa: E402
    ConversionError,
    place_in_model,
    read_checkpoint,
)
from bas_mm.models.weights.irn_key_maps import (  # noqa: E402
    is_published_alias,
    published_irn_to_bas_mm,
)
from bas_mm.registry import MODELS  # noqa: E402
from bas_mm.utils import register_all_modules  # noqa: E402

CONFIG = REPO / 'configs/wsss/irn_resnet50_voc12.py'


def convert(weights: Mapping[str, torch.Tensor], config: Path = CONFIG) -> Placement:
    """Put published weights in their places in our model.

    Args:
        weights: Published name -> weight, without ``module.``.
        config: The config of the model.

    Returns:
        See :func:`~bas_mm.models.weights.conversion.place_in_model`.

    Raises:
        ConversionError: There is no such config.
    """
    if not config.is_file():
        raise ConversionError(f'{config}: no such config')
    model = MODELS.build(Config.fromfile(config).model)
    weights = {name: value for name, value in weights.items() if not is_published_alias(name)}
    return place_in_model(weights, model, published_irn_to_bas_mm)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
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
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Convert as told; raise ``ConversionError`` for what the user must be told."""
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
    with fail_on(ConversionError, OSError):
        run(args)


if __name__ == '__main__':
    run_command(main)
