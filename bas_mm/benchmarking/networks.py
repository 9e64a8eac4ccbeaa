"""The networks that benchmarks are about: their options, configs, models and samples."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bas_mm.command_line import OneLineParser, require_file, require_writable

from .figures import OUT_HELP

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config

__all__ = [
    'BACKBONES',
    'add_network_arguments',
    'collate_of',
    'initial_model',
    'quiet_logs',
    'random_items',
    'resolve_networks',
    'without_weights',
]

#: The paper's.
BACKBONES = ('vgg16', 'mobilenetv1', 'resnet50', 'inceptionv3')


def add_network_arguments(parser: OneLineParser) -> None:
    """Which networks of BAS a benchmark is about, where they run, and where its figures go."""
    parser.add_argument(
        '--backbones',
        nargs='+',
        choices=BACKBONES,
        default=BACKBONES,
        help="of the paper's; default: all",
    )
    parser.add_argument('--configs', nargs='+', help='BAS configs, in place of --backbones')
    parser.add_argument('--device', help="such as 'cpu'; default: a GPU if there is one")
    parser.add_argument('--out', help=OUT_HELP)
    parser.add_config_options('for all configs')


def resolve_networks(args: argparse.Namespace, folder: Path) -> None:
    """Put the names and config files of the networks into the arguments, as ``names``, ``configs``.

    Args:
        args: Of a parser with :func:`add_network_arguments`.
        folder: Of the BAS configs.

    Raises:
        SystemExit: With status 2, where a config file does not exist or ``--out`` cannot be
            written.
    """
    args.names = [Path(path).stem for path in args.configs or []] or list(args.backbones)
    args.configs = args.configs or [
        str(folder / f'bas_{backbone}_cub.py') for backbone in args.backbones
    ]
    for path in args.configs:
        require_file(path, 'config')
    if args.out:
        require_writable(args.out, '--out')


def without_weights(cfg: Config, num_classes: int | None = None) -> Config:
    """Let a config's model start from random weights, in place: no checkpoint is read.

    Args:
        cfg: A config with a ``model`` of ours.
        num_classes: In place of the config's own number of classes. K is then at most this.

    Returns:
        The same config.
    """
    cfg.model.backbone.pop('init_cfg', None)
    cfg.load_from = None
    if num_classes is not None:
        for part in ('head', 'generator'):
            if part in cfg.model:
                cfg.model[part].num_classes = num_classes
        test_cfg = cfg.model.get('test_cfg') or {}
        if test_cfg.get('topk', 1) > num_classes:
            test_cfg.topk = num_classes
    return cfg


def initial_model(cfg: Config) -> torch.nn.Module:
    """A config's model with its initial weights.

    Args:
        cfg: Its ``default_scope`` becomes that of this process.
    """
    from mmengine.registry import init_default_scope

    from bas_mm.utils.config_model import build_model, scope_of

    init_default_scope(scope_of(cfg))
    model = build_model(cfg)
    model.init_weights()
    return model


def quiet_logs() -> None:
    """Let mmengine's logger speak of warnings only, not of each weight that was initialised."""
    from mmengine.logging import MMLogger

    MMLogger.get_current_instance().setLevel('WARNING')


def random_items(count: int, size: int, num_classes: int) -> list[dict]:
    """Samples of random bytes, as ``PackLocalizationInputs`` would give them; always the same.

    Args:
        count: How many.
        size: Height and width.
        num_classes: Labels are below.
    """
    import torch
    from mmpretrain.structures import DataSample

    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, num_classes, (count,), generator=generator)
    return [
        dict(inputs=image, data_samples=DataSample().set_gt_label(label))
        for image, label in zip(images, labels.tolist())
    ]


def collate_of(dataloader: Mapping) -> Callable[[list], dict]:
    """The function by which a loader of a config makes a batch of samples.

    Args:
        dataloader: Such as ``train_dataloader``.
    """
    from mmengine.registry import FUNCTIONS

    arguments = dict(dataloader.get('collate_fn') or dict(type='pseudo_collate'))
    return partial(FUNCTIONS.get(arguments.pop('type')), **arguments)
