from typing import Any

import torch

__all__ = ['require_feature_map']


def require_feature_map(features: Any, channels: int, key: str, source: str) -> None:
    """Judge what a backbone gives to a head before a convolution meets it.

    Args:
        features (Any): what should be (N, ``channels``, h, w).
        channels (int): as the config says.
        key (str): where it says so.
        source (str): what gave the features.

    Raises:
        ValueError: they are no feature map, or one of other channels; the message has the key.
    """
    if not isinstance(features, torch.Tensor) or features.ndim != 4:
        tensor = isinstance(features, torch.Tensor)
        found = tuple(features.shape) if tensor else type(features).__name__
        raise ValueError(
            f'model.split: {source} gives {found}, but a feature map (N, C, h, w) is needed. '
            'Networks whose stages hand on tokens cannot be split'
        )
    if features.shape[1] != channels:
        raise ValueError(
            f'{key}={channels}, but {source} gives {features.shape[1]} channels: set {key}='
            f'{features.shape[1]}, or another model.split'
        )
