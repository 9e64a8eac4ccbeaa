"""Digests of what decides the files of a step: another digest, other files."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
from torch import nn

from .plain_values import plain_values

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
    plain = _without_beginnings(plain_values(parts))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def network_settings(model: nn.Module, *parts: Any) -> dict[str, Any]:
    """What a folder's settings say of the network that made its files.

    Args:
        model (nn.Module): The network, with its weights.
        *parts (Any): Those parts of the config that decide about them.

    Returns:
        dict[str, Any]: ``form``, the version of the settings; ``weights`` and ``config``, digests.
    """
    return dict(form=1, weights=weights_digest(model), config=config_digest(*parts))


def _without_beginnings(value: Any) -> Any:
    """Plain values without where weights began, which says nothing about a checkpoint's."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in ('init_cfg', 'pretrained')}
        return {k: _without_beginnings(v) for k, v in kept.items()}
    if isinstance(value, list):
        return [_without_beginnings(item) for item in value]
    return value
