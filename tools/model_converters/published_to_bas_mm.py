"""Bring a published BAS checkpoint into bas_mm's names.

    python tools/model_converters/published_to_bas_mm.py SRC DST [options]

SRC is a .pth.tar of the published localization code (VGG16, MobileNetV1, ResNet50 or InceptionV3)
or a .pth of its extension to segmentation (BAS-Seg, ResNet50).
Every name is checked against the model of our configs. If a weight of the file has no place in the
model, a weight of the model is not in the file, or shapes differ, all of them are listed, nothing
is written and the exit status is 2, unless the options allow it.
"""

import argparse
import io
import pickle
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
if (REPO / 'bas_mm').is_dir():  # its own checkout, whatever is installed
    sys.path.insert(0, str(REPO))

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from torch import nn  # noqa: E402

from bas_mm.command_line import OneLineParser, fail_on, run_command  # noqa: E402
from bas_mm.models.weights import (  # noqa: E402
    Placement,
    detect_published_backbone,
    place,
    published_to_bas_mm,
    unwrap,
)
from bas_mm.models.weights.key_maps import PUBLISHED_BACKBONES, Rename  # noqa: E402
from bas_mm.registry import MODELS  # noqa: E402
from bas_mm.utils import register_all_modules  # noqa: E402
from bas_mm.utils.result_files import write_bytes  # noqa: E402
from bas_mm.version import __version__  # noqa: E402

# The generator's convolution in the published names, which has an output for each class.
_CLASS_LAYER = 'classifier_loc.0.weight'


class ConversionError(Exception):
    """What the user is told in one message."""


def read_checkpoint(path: Path, trust_source: bool = False) -> Any:
    """Read a file of torch's.

    Args:
        path: The file.
        trust_source: Also read files that hold other Python objects than tensors. Such a file can
            run any code.

    Returns:
        What it holds, on the CPU.

    Raises:
        ConversionError: The file is absent, broken, or not only tensors.
    """
    if not path.is_file():
        raise ConversionError(f'{path}: no such file')
    try:
        return torch.load(path, map_location='cpu', weights_only=not trust_source)
    except pickle.UnpicklingError as error:
        if trust_source:
            raise ConversionError(f'{path}: not a checkpoint ({error})') from error
        raise ConversionError(
            f'{path}: not a checkpoint, or one that holds Python objects besides tensors, which '
            'could run code when read. If you know where it is from, add --trust-source.'
        ) from error
    except (RuntimeError, EOFError, OSError, AttributeError, ImportError, ValueError) as error:
        raise ConversionError(f'{path}: not readable as a checkpoint ({error})') from error


def place_in_model(
    weights: Mapping[str, torch.Tensor], model: nn.Module, rename: Rename
) -> Placement:
    """Put published weights in their places in a model.

    Args:
        weights: Published name -> weight.
        model: The model; only looked at.
        rename: Gives the model's name of each weight.

    Returns:
        Where each weight went, and what did not fit. Batch counters that the file lacks are 0.
    """
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    placement = place(weights, shapes, rename)
    for name in shapes:
        if name.endswith('num_batches_tracked'):
            placement.weights.setdefault(name, torch.zeros((), dtype=torch.long))
    return placement


def model_for_weights(config: Path, num_classes: int) -> nn.Module:
    """The model of a config.

    Args:
        config: A config with a ``model`` of type ``BASClassifier`` or ``BASSegClassifier``.
        num_classes: Number of classes, in place of the config's.
    """
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
        backbone: A key of ``PUBLISHED_BACKBONES``.
        config: The config of the model. Default: ours of that backbone.

    Returns:
        See :func:`place_in_model`.

    Raises:
        ConversionError: There is no such config.
        KeyError: The weights have no class layer.
    """
    config = config or default_config(backbone)
    if not config.is_file():
        raise ConversionError(f'{config}: no such config')
    model = model_for_weights(config, len(weights[_CLASS_LAYER]))
    return place_in_model(weights, model, lambda names: published_to_bas_mm(names, backbone))


def add_options(parser: argparse.ArgumentParser, unplaced: str = '', missing: str = '') -> None:
    """Add the options that all converters have; examples of what is allowed, for their help."""
    parser.add_argument(
        '--allow-unplaced',
        action='store_true',
        help=f'write although the file has weights without a place in the model{unplaced}',
    )
    parser.add_argument(
        '--allow-missing',
        action='store_true',
        help='write although the model has weights that the file lacks or has in another shape'
        + missing,
    )
    parser.add_argument(
        '--trust-source',
        action='store_true',
        help='also read files of torch that hold Python objects, which can run any code',
    )


def save(args: argparse.Namespace, placement: Placement, name: str, **meta: Any) -> None:
    """Write a checkpoint that mmengine loads, or list all that does not fit.

    Args:
        args: ``src``, ``dst`` and those of :func:`add_options`.
        placement: The weights.
        name: Of the network.
        **meta: What the checkpoint says about itself besides.

    Raises:
        ConversionError: Something does not fit that the options do not allow.
    """
    if report := placement.report():
        print(f'{args.src} ({name}):\n{report}', file=sys.stderr)
    refused = []
    if placement.unplaced and not args.allow_unplaced:
        refused.append('--allow-unplaced')
    if not placement.complete and not args.allow_missing:
        refused.append('--allow-missing')
    if refused:
        raise ConversionError(f'{args.dst} not written. To write it anyway: {" ".join(refused)}')
    meta = dict(bas_mm_version=__version__, **meta, converted_from=args.src.name)
    state_dict = {name: weight.contiguous() for name, weight in placement.weights.items()}
    content = io.BytesIO()
    torch.save(dict(meta=meta, state_dict=state_dict), content)
    # Into memory first: of a full disk torch says nothing that names the file.
    write_bytes(args.dst, content.getvalue())
    print(f'{args.dst}: {len(placement.weights)} weights of {name} from {args.src}')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = OneLineParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, metavar='SRC', help='the published checkpoint')
    parser.add_argument('dst', type=Path, metavar='DST', help='the file to write')
    parser.add_argument(
        '--backbone',
        choices=['auto', *PUBLISHED_BACKBONES],
        default='auto',
        help='whose names the file has (auto: told from the names)',
    )
    parser.add_argument(
        '--config',
        type=Path,
        help="config of the model that the weights are for (default: the network's in "
        'configs/bas or configs/wsss); the number of classes is that of the file',
    )
    add_options(parser)
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    """Convert as told; raise ``ConversionError`` for what the user must be told."""
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
    save(args, convert(weights, backbone, args.config), backbone, backbone=backbone)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    with fail_on(ConversionError, OSError):
        run(args)


if __name__ == '__main__':
    run_command(main)
