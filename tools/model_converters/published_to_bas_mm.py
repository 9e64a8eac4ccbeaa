"""Bring a published BAS checkpoint into bas_mm's names.

    python tools/model_converters/published_to_bas_mm.py SRC DST [options]

SRC is a .pth.tar of the published localization code (VGG16, MobileNetV1, ResNet50 or InceptionV3)
or a .pth of its extension to segmentation (BAS-Seg, ResNet50).
Every name is checked against the model of our configs. If a weight of the file has no place in the
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
    from torch import nn

    from bas_mm.models.weights import Placement

# The keys of PUBLISHED_BACKBONES, which come with torch.
BACKBONES = ('bas_seg_resnet50', 'vgg16', 'mobilenetv1', 'resnet50', 'inceptionv3')
# The generator's convolution in the published names, which has an output for each class.
_CLASS_LAYER = 'classifier_loc.0.weight'


def model_for_weights(config: Path, num_classes: int) -> nn.Module:
    """The model of a config.

    Args:
        config: A config with a ``model`` of type ``BASClassifier`` or ``BASSegClassifier``.
        num_classes: Number of classes, in place of the config's.
    """
    from mmengine.config import Config

    from bas_mm.registry import MODELS

    model_cfg = Config.fromfile(config).model
    for part in ('generator', 'head'):
        model_cfg[part].num_classes = num_classes
    # Inference settings bring no weights, and may ask for more classes than there are here.
    model_cfg.pop('test_cfg', None)
    return MODELS.build(model_cfg)


def default_config(backbone: str) -> Path:
    """Our config of a published network."""
    if backbone.startswith('bas_seg'):
        return REPO / f'configs/wsss/{backbone}_voc12.py'
    return REPO / f'configs/bas/bas_{backbone}_cub.py'


def convert(
    weights: Mapping[str, torch.Tensor], backbone: str, config: Path | None = None
) -> Placement:
    """Put published weights in their places in our model.

    Args:
        weights: Published name -> weight, without ``module.``.
        backbone: One of ``BACKBONES``.
        config: The config of the model. Default: ours of that backbone.

    Returns:
        See :func:`~bas_mm.models.weights.conversion.place_in_model`.

    Raises:
        KeyError: The weights have no class layer.
    """
    from bas_mm.models.weights import published_to_bas_mm
    from bas_mm.models.weights.conversion import place_in_model

    model = model_for_weights(config or default_config(backbone), len(weights[_CLASS_LAYER]))
    return place_in_model(weights, model, lambda names: published_to_bas_mm(names, backbone))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; paths that must exist do."""
    parser = OneLineParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, metavar='SRC', help='the published checkpoint')
    parser.add_argument('dst', type=Path, metavar='DST', help='the file to write')
    parser.add_argument(
        '--backbone',
        choices=['auto', *BACKBONES],
        default='auto',
        help='whose names the file has; default: auto, told from the names',
    )
    parser.add_argument(
        '--config',
        type=Path,
        help='config of the model that the weights are for; the number of classes is that of the '
        "file; default: the network's in configs/bas or configs/wsss",
    )
    add_conversion_options(parser)
    args = parser.parse_args(argv)
    require_places(args)
    return args


def run(args: argparse.Namespace) -> None:
    """Convert as told; raise ``ConversionError`` for what the user must be told."""
    from bas_mm.models.weights import detect_published_backbone, unwrap
    from bas_mm.models.weights.conversion import ConversionError, read_checkpoint
    from bas_mm.utils import register_all_modules

    try:
        weights = unwrap(read_checkpoint(args.src, args.trust_source))
        backbone = args.backbone
        if backbone == 'auto':
            backbone = detect_published_backbone(weights)
        if _CLASS_LAYER not in weights:
            raise ValueError(f'no {_CLASS_LAYER} in it, which tells the number of classes')
    except ValueError as error:
        raise ConversionError(f'{args.src}: {error}') from error
    register_all_modules()
    save_converted(args, convert(weights, backbone, args.config), backbone, backbone=backbone)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)

    from bas_mm.models.weights.conversion import ConversionError

    with fail_on(ConversionError, OSError):
        run(args)


if __name__ == '__main__':
    run_command(main)
