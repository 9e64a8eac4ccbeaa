"""Which settings of a config count: another value, another result."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from typing import Any

__all__ = ['DO_NOT_COUNT', 'settings_that_count']

#: Keys of settings that decide nothing of what a step makes: where it writes, what it says and
#: draws, how its pictures are loaded, how often it saves. ``*`` stands for any beginning. With
#: other workers a training may draw other random numbers, as with other processes; its recipe is
#: the same. All that is not here counts.
DO_NOT_COUNT = (
    'work_dir',
    'launcher',
    'env_cfg.dist_cfg',
    'env_cfg.mp_cfg',
    'log_level',
    'log_processor',
    'visualizer',
    'vis_backends',
    'default_hooks.logger',
    'default_hooks.timer',
    'default_hooks.visualization',
    'default_hooks.checkpoint.interval',
    'default_hooks.checkpoint.max_keep_ckpts',
    '*_dataloader.num_workers',
    '*_dataloader.persistent_workers',
    '*_dataloader.pin_memory',
    '*_dataloader.prefetch_factor',
)


def settings_that_count(settings: dict[str, Any], replaced: Collection[str] = ()) -> dict[str, Any]:
    """A config's settings without those that decide nothing.

    Args:
        settings (dict[str, Any]): Plain values.
        replaced (Collection[str]): Keys, as ``--cfg-options`` takes them, of settings that the
            command replaces.

    Returns:
        dict[str, Any]: A copy.
    """
    # None is what runners take a key for that is not there.
    kept = {key: deepcopy(value) for key, value in settings.items() if value is not None}
    saving = (settings.get('default_hooks') or {}).get('checkpoint') or {}
    for key in (*DO_NOT_COUNT, *replaced):
        # Without the last state of a training its result is that which was saved last.
        if key == 'default_hooks.checkpoint.interval' and saving.get('save_last', True) is False:
            continue
        first, *others = key.split('.')
        names = [first]
        if first.startswith('*'):
            names = [name for name in settings if name.endswith(first[1:])]
        for name in names:
            _drop(kept, [name, *others])
    return kept


def _drop(settings: Any, keys: list[str]) -> None:
    for key in keys[:-1]:
        settings = settings.get(key) if isinstance(settings, dict) else None
    if isinstance(settings, dict):
        settings.pop(keys[-1], None)
