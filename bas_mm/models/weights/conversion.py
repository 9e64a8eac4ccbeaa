"""Checkpoints of others: read, put in the places of our models, and written for mmengine."""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bas_mm.utils.result_files import write_bytes
from bas_mm.version import __version__

from .key_maps import Rename
from .placement import Placement, place

__all__ = ['ConversionError', 'place_in_model', 'read_checkpoint', 'write_converted']


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


def write_converted(placement: Placement, path: Path, **meta: Any) -> None:
    """Write a checkpoint that mmengine loads.

    Args:
        placement: The weights.
        path: The file; what was there stays if it cannot be written.
        **meta: What the checkpoint says about itself besides the version of bas_mm.

    Raises:
        OSError: It cannot be written; the message names it.
    """
    state_dict = {name: weight.contiguous() for name, weight in placement.weights.items()}
    content = io.BytesIO()
    torch.save(dict(meta=dict(bas_mm_version=__version__, **meta), state_dict=state_dict), content)
    # Into memory first: of a full disk torch says nothing that names the file.
    write_bytes(path, content.getvalue())
