"""What the converters of published weights share: their options, and how they end."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from .messages import fail
from .paths import require_writable

if TYPE_CHECKING:
    from bas_mm.models.weights import Placement

__all__ = ['add_conversion_options', 'require_places', 'save_converted']


def add_conversion_options(
    parser: argparse.ArgumentParser, unplaced: str = '', missing: str = ''
) -> None:
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


def require_places(args: argparse.Namespace) -> None:
    """Exit with status 2 unless the published file and the config are there, and DST can be.

    Args:
        args: ``src``, ``dst``, and ``config``, which is None where the file tells which one it is.
    """
    if not args.src.is_file():
        fail(f'{args.src}: no such file')
    if args.config is not None and not args.config.is_file():
        fail(f'{args.config}: no such config')
    require_writable(args.dst, 'DST')


def save_converted(args: argparse.Namespace, placement: Placement, name: str, **meta: Any) -> None:
    """Write a checkpoint that mmengine loads, or list all that does not fit.

    Args:
        args: ``src``, ``dst`` and those of :func:`add_conversion_options`.
        placement: The weights.
        name: Of the network.
        **meta: What the checkpoint says about itself besides.

    Raises:
        ConversionError: Something does not fit that the options do not allow.
    """
    from bas_mm.models.weights.conversion import ConversionError, write_converted

    if report := placement.report():
        print(f'{args.src} ({name}):\n{report}', file=sys.stderr)
    refused = []
    if placement.unplaced and not args.allow_unplaced:
        refused.append('--allow-unplaced')
    if not placement.complete and not args.allow_missing:
        refused.append('--allow-missing')
    if refused:
        raise ConversionError(f'{args.dst} not written. To write it anyway: {" ".join(refused)}')
    write_converted(placement, args.dst, **meta, converted_from=args.src.name)
    print(f'{args.dst}: {len(placement.weights)} weights of {name} from {args.src}')
