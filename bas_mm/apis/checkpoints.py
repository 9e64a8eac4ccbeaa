"""Checkpoints of models: read whole and filled in whole, or refused in one line."""

import os
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from torch import nn

from bas_mm.engine.hooks.checkpoint_keys_hook import checkpoint_weights, require_all_weights
from bas_mm.utils.config_model import build_model

__all__ = ['fill_model', 'load_model', 'read_checkpoint']


def read_checkpoint(path: str | Path) -> dict:
    """Read a checkpoint onto the CPU.

    Args:
        path (str | Path): A file or a URL.

    Returns:
        dict: What it holds, with or without ``state_dict``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or holds something else.
    """
    path = os.fspath(path)
    try:
        # To 'silent', because mmengine would print to stdout.
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')
    except FileNotFoundError:
        raise FileNotFoundError(f'there is no checkpoint {path}') from None
    except Exception as error:
        # Torch's readers raise a different type for each way in which a file can be broken.
        line = str(error).partition('\n')[0]
        raise ValueError(
            f'the checkpoint {path} cannot be read ({type(error).__name__}: {line})'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} is no checkpoint: it holds a {type(checkpoint).__name__}')
    return checkpoint


def load_model(cfg: Config, path: str | Path) -> nn.Module:
    """The model of a config, with all its weights from a checkpoint.

    Args:
        cfg (Config): The config.
        path (str | Path): A file or a URL.

    Returns:
        nn.Module: On the CPU, in training mode.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: As :func:`read_checkpoint` and :func:`fill_model`.
    """
    model = build_model(cfg)
    fill_model(model, read_checkpoint(path), path)
    return model


def fill_model(model: nn.Module, checkpoint: dict, path: str | Path) -> list[str]:
    """Give a model all its weights.

    Args:
        model (nn.Module): Not a wrapper of one.
        checkpoint (dict): What :func:`read_checkpoint` gave.
        path (str | Path): Its file, for the message.

    Returns:
        list[str]: Names of the entries that the model does not have.

    Raises:
        ValueError: Weights are missing or have another shape; the message names some.
    """
    try:
        unknown = require_all_weights(model, checkpoint)
    except RuntimeError as error:
        raise ValueError(f'{path}: {error}') from None
    given = checkpoint_weights(checkpoint)
    model.load_state_dict({key: given[key] for key in given.keys() - unknown})
    return unknown
