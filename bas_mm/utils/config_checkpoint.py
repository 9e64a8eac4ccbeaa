"""Which weights a run begins with, and that they are all there: changes of its config."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from mmengine.config import Config

__all__ = ['require_whole_checkpoint', 'use_checkpoint']


def use_checkpoint(cfg: Config, checkpoint: str | Path, strict: bool = True) -> None:
    """Let a run have the weights of a checkpoint.

    Args:
        cfg (Config): Changed in place.
        checkpoint (str | Path): Its path or URL.
        strict (bool): Whether it must hold every weight of the model, in its shape; mmengine would
            only log what it lacks. Defaults to True.
    """
    cfg.load_from, cfg.resume = os.fspath(checkpoint), False
    if strict:
        require_whole_checkpoint(cfg)


def require_whole_checkpoint(cfg: Config) -> None:
    """Let a run refuse a checkpoint that does not hold every weight of the model, in its shape.

    Args:
        cfg (Config): Changed in place.
    """
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), {'type': 'bas_mm.CheckpointKeysHook'}]
