"""Bring published DeepLabv2 weights (ResNet101) into bas_mm's names.

    python tools/model_converters/deeplabv2_to_bas_mm.py SRC DST [options]

SRC is a .caffemodel, or a .pth of one of the PyTorch ports: with Caffe's layer names, with
torchvision's names (layer1.0.conv1, layer5.conv2d_list.0; with and without Scale.), or with blocks
of their own (layer2.block1.reduce.conv, aspp.c0). The passes of the Caffe net at other scales
(…_res075, …_res05), which share their weights with the first, are left out.

Every name is checked against the model of the config. If a weight of the file has no place in the
model, a weight of the model is not in the file, or shapes differ, all of them are listed, nothing
is written and the exit status is 2, unless the options allow it.
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

CONFIG = REPO / 'configs/deeplabv2/deeplabv2_r101-caffe_voc12aug-321x321_20k.py'
_SHARED_PASSES = ('_res075', '_res05')
_HEAD = 'decode_head.convs.0.weight'


def read_weights(path: Path, trust_source: bool = False) -> dict[str, torch.Tensor]:
    """The weights in a published file, by their names without wrappers' prefixes.

    Args:
        path: A .caffemodel, or any other name for a file of torch's.
        trust_source: Also read files of torch's that hold Python objects.

    Returns:
        Name -> weight.

    Raises:
        ConversionError: The file is broken or without weights.
    """
    import torch

    from bas_mm.models.weights import unwrap
    from bas_mm.models.weights.caffemodel import caffe_weights, read_caffemodel
    from bas_mm.models.weights.conversion import ConversionError, read_checkpoint
    from bas_mm.models.weights.deeplabv2_key_maps import strip_wrappers

    try:
        if path.suffix == '.caffemodel':
            layers = read_caffemodel(path.read_bytes())
            layers = {k: v for k, v in layers.items() if not k.endswith(_SHARED_PASSES)}
            return {k: torch.from_numpy(v) for k, v in caffe_weights(layers).items()}
        return strip_wrappers(unwrap(read_checkpoint(path, trust_source)))
    except ValueError as error:
        raise ConversionError(f'{path}: {error}') from error


def convert(weights: Mapping[str, torch.Tensor], config: Path = CONFIG) -> Placement:
    """Put published weights in their places in our model.

    Args:
        weights: Published name -> weight.
        config: The config of the model. The number of classes is the file's where it has a head.

    Returns:
        See :func:`~bas_mm.models.weights.conversion.place_in_model`.

    Raises:
        ConversionError: None of the names is known.
    """
    from mmengine.config import Config

    from bas_mm.models.weights.conversion import ConversionError, place_in_model
    from bas_mm.models.weights.deeplabv2_key_maps import deeplabv2_to_bas_mm
    from bas_mm.registry import MODELS

    targets = deeplabv2_to_bas_mm(weights)
    if not targets:
        raise ConversionError(
            'none of its names is known as one of DeepLabv2 with ResNet101; it has '
            + ', '.join(sorted(weights)[:5])
            + ' …'
        )
    model_cfg = Config.fromfile(config).model
    head = next((source for source, target in targets.items() if target == _HEAD), None)
    if head is not None:
        model_cfg.decode_head.num_classes = weights[head].shape[0]
    return place_in_model(weights, MODELS.build(model_cfg), deeplabv2_to_bas_mm)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = OneLineParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, metavar='SRC', help='.caffemodel or .pth')
    parser.add_argument('dst', type=Path, metavar='DST', help='the file to write')
    parser.add_argument(
        '--config',
        type=Path,
        default=CONFIG,
        help='config of the model that the weights are for; '
        'default: deeplabv2_r101-caffe_voc12aug-321x321_20k.py',
    )
    add_conversion_options(parser, ", such as the classifier of ImageNet's", ', such as the head')
    args = parser.parse_args(argv)
    require_places(args)
    return args


def run(args: argparse.Namespace) -> None:
    """Convert as told; raise ``ConversionError`` for what the user must be told."""
    from bas_mm.models.weights.conversion import ConversionError
    from bas_mm.utils import register_all_modules

    weights = read_weights(args.src, args.trust_source)
    register_all_modules()
    try:
        placement = convert(weights, args.config)
    except ConversionError as error:
        raise ConversionError(f'{args.src}: {error}') from error
    save_converted(args, placement, 'DeepLabv2')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)

    from bas_mm.models.weights.conversion import ConversionError

    with fail_on(ConversionError, OSError):
        run(args)


if __name__ == '__main__':
    run_command(main)
