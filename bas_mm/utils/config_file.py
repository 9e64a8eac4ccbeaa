"""Reading the file of a config."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from .named_configs import config_folder

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['read_config']


def read_config(path: str | Path) -> Config:
    """Read a config.

    A :class:`pathlib.Path` in its dicts, lists and tuples becomes text, and the class itself,
    which the file has imported, is left out: mmengine writes neither so that it could be read
    again.

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
        cfg = Config.fromfile(path)
    except Exception as error:  # a config is a program, which may raise anything
        said = f'{type(error).__name__}: {error}'
        if 'does not support to load bas_mm' in said:  # of _base_ = 'bas_mm::…'
            said = (
                "_base_ = 'bas_mm::…': bas_mm's configs are inherited by path: "
                f'{config_folder() or "configs"}/…'
            )
        raise ValueError(f'the config {path} cannot be read: {said}') from error
    for name, value in [*dict.items(cfg._cfg_dict)]:
        if isinstance(value, type) and issubclass(value, PurePath):
            del cfg._cfg_dict[name]
    _paths_to_text(cfg._cfg_dict)
    return cfg


def _paths_to_text(value: Any) -> Any:
    if isinstance(value, dict):
        # Not by ConfigDict's own items(), which imports what a config of Python's imports names.
        for key, item in dict.items(value):
            value[key] = _paths_to_text(item)
    elif isinstance(value, (list, tuple)):
        return type(value)(map(_paths_to_text, value))
    return str(value) if isinstance(value, PurePath) else value
