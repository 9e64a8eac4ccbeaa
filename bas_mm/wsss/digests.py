"""Digests of what decides the files of a step: another digest, other files."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import nn

__all__ = ['config_digest', 'network_settings', 'weights_digest']


def weights_digest(model: nn.Module) -> str:
    """SHA-256 of a model's weights and buffers, with their names: which checkpoint it has."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        array = value.detach().cpu().contiguous()
        digest.update(f'{name} {tuple(array.shape)} {array.dtype}\n'.encode())
        # As bytes: NumPy has no bfloat16.
        digest.update(array.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def config_digest(*parts: Any) -> str:
    """SHA-256 of parts of a config, without where weights began.

    Args:
        *parts (Any): Dicts, lists and plain values, such as those of a network and a pipeline.
    """
    return hashlib.sha256(json.dumps(_plain(parts), sort_keys=True).encode()).hexdigest()


def network_settings(model: nn.Module, *parts: Any) -> dict[str, Any]:
    """What a folder's settings say of the network that made its files.

    Args:
        model (nn.Module): The network, with its weights.
        *parts (Any): Those parts of the config that decide about them.

    Returns:
        dict[str, Any]: ``form``, the version of the settings; ``weights`` and ``config``, digests.
    """
    return dict(form=1, weights=weights_digest(model), config=config_digest(*parts))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        # Where weights began says nothing about those of the checkpoint.
        return {k: _plain(v) for k, v in value.items() if k not in ('init_cfg', 'pretrained')}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (str, int, float, type(None))) else repr(value)
