"""Reading the file of a config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .named_configs import config_folder

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['read_config']


def read_config(path: str | Path) -> Config:
    """Read a config.

    Args:
        path (str | Path): Its file.

    Returns:
        Config: The config.

    Raises:
        ValueError: It cannot be read; the message names it, and says why.
    """
    # Here, as commands look at their paths before they import what takes time.
    from mmengine.config import Config

    try:
        return Config.fromfile(path)
    except Exception as error:  # a config is a program, which may raise anything
        said = f'{type(error).__name__}: {error}'
        if 'does not support to load bas_mm' in said:  # of _base_ = 'bas_mm::…'
            said = (
                "_base_ = 'bas_mm::…': bas_mm's configs are inherited by path: "
                f'{config_folder() or "configs"}/…'
            )
        raise ValueError(f'the config {path} cannot be read: {said}') from error
