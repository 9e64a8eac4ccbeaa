"""The model that a config describes, built outside a runner as a runner builds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmengine.registry import DefaultScope

from bas_mm.registry import MODELS

if TYPE_CHECKING:
    from mmengine.config import Config
    from torch import nn

__all__ = ['build_model', 'scope_of']


def scope_of(cfg: Config) -> str:
    """The scope in which the names of a config are looked up.

    Args:
        cfg (Config): Its ``default_scope``, or bas_mm where it has none.
    """
    return cfg.get('default_scope') or 'bas_mm'


def build_model(cfg: Config) -> nn.Module:
    """The model of a config, with random weights.

    Args:
        cfg (Config): ``data_preprocessor`` may stand in ``model`` or, as mmpretrain and
            mmsegmentation write it, beside it; then it is put into ``model``, as a runner does.
    """
    if cfg.get('data_preprocessor') is not None:
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    with DefaultScope.overwrite_default_scope(scope_of(cfg)):
        return MODELS.build(cfg.model)
