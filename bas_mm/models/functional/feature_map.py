from typing import Any

import torch

__all__ = ['require_channels', 'require_feature_map']


def require_feature_map(features: Any, source: str) -> None:
    """Judge what a module of a backbone that is split hands on.

    Args:
        features (Any): what should be (N, C, h, w).
        source (str): what gave it.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(features, torch.Tensor) and features.ndim == 4:
        return
    tensor = isinstance(features, torch.Tensor)
    found = tuple(features.shape) if tensor else type(features).__name__
    advice = 'Networks that hand on tokens cannot be split'
    if isinstance(features, (tuple, list)) and len(features) == 1:
        advice = 'Name a submodule within it that gives the tensor itself, or let it return that'
    raise ValueError(
        f'model.split: {source} gives {found}, but a feature map (N, C, h, w) is needed. {advice}'
    )


def require_channels(features: torch.Tensor, channels: int, key: str, source: str) -> None:
    """Judge what a backbone gives to a head before a convolution meets it.

    Args:
        features (Tensor): (N, C, h, w).
        channels (int): C, as the config says.
        key (str): where it says so.
        source (str): what gave the features.

    Raises:
        ValueError: they have other channels; the message has the key. Or they seem to be
            (N, h, w, C), whose second number is a height.
    """
    if features.shape[1] != channels:
        if features.shape[1] < channels == features.shape[-1]:
            raise ValueError(
                f'model.split: {source} gives {tuple(features.shape)}, which looks like '
                f'(N, h, w, C) with the C of {key}={channels}, but a feature map (N, C, h, w) is '
                'needed. Networks that hand on their channels last cannot be split'
            )
        raise ValueError(
            f'{key}={channels}, but {source} gives {features.shape[1]} channels: set {key}='
            f'{features.shape[1]}, or another model.split'
        )
