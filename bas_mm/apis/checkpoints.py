"""Checkpoints of models: read whole and filled in whole, or refused in one line."""

from pathlib import Path
from urllib.parse import urlsplit

import torch
from mmengine.runner import CheckpointLoader
from torch import nn

from bas_mm.engine.hooks import require_all_weights

from . import inert_pickle

__all__ = ['fill_model', 'read_checkpoint']


def read_checkpoint(path: str) -> dict:
    """Read a checkpoint onto the CPU, and run no code of it.

    Args:
        path (str): A file, or a URL. What is neither local nor of the web is read by mmengine,
            which does run code.

    Returns:
        dict: What it holds, with or without ``state_dict``. Of tensors, arrays and plain values;
        other objects, such as the log of a runner, are
        :class:`~bas_mm.apis.inert_pickle.Nothing`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It cannot be read, or holds something else.
    """
    try:
        checkpoint = _read(path)
    except FileNotFoundError:
        raise FileNotFoundError(f'there is no checkpoint {path}') from None
    except Exception as error:
        # Torch's readers raise a different type for each way in which a file can be broken.
        line = str(error).partition('\n')[0]
        raise ValueError(
            f'the checkpoint {path} cannot be read ({type(error).__name__}: {line})'
        ) from error
    if isinstance(checkpoint, inert_pickle.Nothing):
        raise ValueError(
            f'{path} is no checkpoint but a whole Python object, which is not read, for it may be '
            'any program: save the state_dict() of a model'
        )
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} is no checkpoint: it holds a {type(checkpoint).__name__}')
    return checkpoint


def _read(path: str) -> object:
    file = Path(path).expanduser()
    if path.startswith(('http://', 'https://')):
        # Where torch.hub keeps files, and mmengine finds them.
        file = Path(torch.hub.get_dir(), 'checkpoints', Path(urlsplit(path).path).name)
        if not file.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(path, str(file), progress=False)
    elif '://' in path:
        # To 'silent', because mmengine would print to stdout.
        return CheckpointLoader.load_checkpoint(path, map_location='cpu', logger='silent')
    if not file.is_file():
        raise FileNotFoundError(path)
    return torch.load(file, map_location='cpu', weights_only=False, pickle_module=inert_pickle)


def fill_model(model: nn.Module, checkpoint: dict, path: str) -> list[str]:
    """Give a model all its weights.

    Args:
        model (nn.Module): Not a wrapper of one.
        checkpoint (dict): What :func:`read_checkpoint` gave.
        path (str): Its file, for the message.

    Returns:
        list[str]: Names of the entries that the model does not have.

    Raises:
        ValueError: Weights are missing or have another shape; the message names some.
    """
    weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, dict):
        raise ValueError(f'{path}: state_dict holds no weights')
    for key in model.state_dict():
        value = weights.get(key, weights.get(f'module.{key}'))
        if not isinstance(value, (torch.Tensor, type(None))):
            raise ValueError(f'{path}: {key} is a {type(value).__name__}, no tensor')
    try:
        unknown = require_all_weights(model, checkpoint)
    except RuntimeError as error:
        raise ValueError(f'{path}: {error}') from None
    given = {
        key.removeprefix('module.'): value
        for key, value in checkpoint.get('state_dict', checkpoint).items()
    }
    model.load_state_dict({key: given[key] for key in model.state_dict()})
    return unknown
