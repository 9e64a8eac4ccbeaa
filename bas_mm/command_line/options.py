"""Options that change a config: ``--amp`` and ``--tta``."""

from typing import TYPE_CHECKING

from .messages import fail, say

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['enable_amp', 'enable_ten_crop', 'set_cpu_amp']


def enable_amp(cfg: 'Config') -> None:
    """Train in mixed precision: float16 with loss scaling, on CPUs bfloat16 without.

    Args:
        cfg (Config): Changed in place. An ``AmpOptimWrapper`` of the config keeps its settings.
    """
    from mmengine.device import get_device

    from bas_mm.utils.config_types import type_name

    wrapper = cfg.optim_wrapper
    kind = type_name(wrapper) or 'OptimWrapper'
    if kind not in ('OptimWrapper', 'AmpOptimWrapper', 'CPUAmpOptimWrapper'):
        fail(f'--amp: the config has the optimizer wrapper {kind}, which --amp cannot replace')
    if get_device() == 'cpu':
        say('--amp without an accelerator: bfloat16 on the CPU')
        set_cpu_amp(cfg)
    elif kind == 'OptimWrapper':
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')


def set_cpu_amp(cfg: 'Config') -> None:
    """Train in the mixed precision of CPUs: bfloat16, without what an ``AmpOptimWrapper`` is told.

    Args:
        cfg (Config): Changed in place.
    """
    cfg.optim_wrapper.type = 'bas_mm.CPUAmpOptimWrapper'
    for key in ('loss_scale', 'dtype', 'use_fsdp'):
        cfg.optim_wrapper.pop(key, None)


def enable_ten_crop(cfg: 'Config') -> None:
    """Ten crops for the command line: those of put_ten_crop, or exit with status 2.

    Args:
        cfg (Config): Changed in place.
    """
    from bas_mm.utils.config_datasets import put_ten_crop

    if not put_ten_crop(cfg):
        fail('--tta: the test pipeline has no LocCenterCrop that ten crops could replace')
