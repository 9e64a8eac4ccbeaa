"""The batch that a job trains with, over all its processes, beside the recipe's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['accumulative_counts', 'describe_other_batch', 'is_rate_scaled', 'recipe_batch']


def recipe_batch(cfg: Config) -> int | float | None:
    """``auto_scale_lr.base_batch_size``; None where there is none, or it is no batch.

    Nothing else of a config says whose batch it is: a ``batch_size`` may be that of one GPU of
    several.
    """
    return _positive(_get(cfg, 'auto_scale_lr', 'base_batch_size'))


def is_rate_scaled(cfg: Config) -> bool:
    """Whether a job's learning rate is scaled by its batch over the recipe's."""
    return bool(_get(cfg, 'auto_scale_lr', 'enable'))


def accumulative_counts(cfg: Config) -> int | float:
    """Over how many iterations gradients are accumulated.

    What is no number of them counts as 1: it is refused where the optimizer is made.
    """
    return _positive(_get(cfg, 'optim_wrapper', 'accumulative_counts')) or 1


def describe_other_batch(cfg: Config, processes: int) -> str | None:
    """Why a job does not train with the recipe's batch, and what to do, in one line.

    Args:
        cfg (Config): The job's config.
        processes (int): How many processes it has.

    Returns:
        str | None: None where the batch is the recipe's, one of the two is not known, or the rate
            is scaled.
    """
    if is_rate_scaled(cfg):
        return None
    recipe, counts = recipe_batch(cfg), accumulative_counts(cfg)
    share = _positive(_get(cfg, 'train_dataloader', 'batch_size'))
    if recipe is None or share is None or share * processes * counts == recipe:
        return None
    others = [f'{processes} processes'] if processes > 1 else []
    others += [f'{counts:g} accumulated iterations'] if counts != 1 else []
    of = f' ({share:g} × {" × ".join(others)})' if others else ''
    settings = {
        'train_dataloader.batch_size': recipe / (processes * counts),
        'optim_wrapper.accumulative_counts': recipe / (share * processes),
    }
    whole = [f'{key}={value:g}' for key, value in settings.items() if value == int(value)]
    setting = f'set {" or ".join(whole)}, or ' if whole else ''
    return (
        f"this job's batch is {share * processes * counts:g}{of}, the recipe's is {recipe:g} "
        f'(auto_scale_lr.base_batch_size): {setting}pass --auto-scale-lr'
    )


def _get(cfg: Config, *keys: str) -> Any:
    value = cfg
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) or value is cfg else None
    return value


def _positive(value: Any) -> Any:
    return value if isinstance(value, Real) and 0 < value < math.inf else None
