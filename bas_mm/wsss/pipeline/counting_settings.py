"""Which settings of a config count: another value, another result."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from mmengine import registry as root
from mmengine.registry import Registry
from mmengine.utils import get_object_from_string

from bas_mm.utils.config_types import type_name

__all__ = ['DO_NOT_COUNT', 'VALIDATION', 'settings_of_validation', 'settings_that_count']

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
    # The best checkpoint is kept beside the last one, which is taken.
    'default_hooks.checkpoint.save_best',
    'default_hooks.checkpoint.rule',
    '*_dataloader.num_workers',
    '*_dataloader.persistent_workers',
    '*_dataloader.pin_memory',
    '*_dataloader.prefetch_factor',
)

#: Keys of a training's config that say how it is validated.
VALIDATION = (
    'val_dataloader',
    'val_evaluator',
    'val_cfg',
    'train_cfg.val_begin',
    'train_cfg.val_interval',
    'train_cfg.dynamic_intervals',
    'model.test_cfg',
)

# Packages whose hooks write down or draw what a validation finds, except for EarlyStoppingHook.
_ONLY_NOTE = ('mmengine', 'mmpretrain', 'mmseg', 'bas_mm')


def settings_of_validation(cfg: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a training's config that decide only what its validations find.

    What is made of a training is made of its last checkpoint, whatever a validation finds, unless a
    hook or a scheduler acts on it: ends the training early, or lowers the learning rate.

    Args:
        cfg (Mapping[str, Any]): The config.

    Returns:
        tuple[str, ...]: :data:`VALIDATION`, or none of it where something acts on what is found.
    """
    return () if _heeds_validation(cfg) else VALIDATION


def _heeds_validation(cfg: Mapping[str, Any]) -> bool:
    """Whether something of a training may act on what a validation finds."""
    # Here, as they take time to import; then mmengine's own are registered.
    from mmengine.hooks import EarlyStoppingHook
    from mmengine.optim import ReduceOnPlateauParamScheduler

    told = 'after_val_iter', 'after_val_epoch', 'after_val'
    hooks = [*(cfg.get('custom_hooks') or ()), *(cfg.get('default_hooks') or {}).values()]
    return any(
        issubclass(kind, EarlyStoppingHook)
        or any(getattr(kind, name).__module__.partition('.')[0] not in _ONLY_NOTE for name in told)
        for kind in _registered_classes(root.HOOKS, hooks)
    ) or any(
        issubclass(kind, ReduceOnPlateauParamScheduler)
        for kind in _registered_classes(
            root.PARAM_SCHEDULERS, _with_type(cfg.get('param_scheduler'))
        )
    )


def _registered_classes(registry: Registry, configs: Iterable[Any]) -> Iterator[type]:
    """The classes that configs name, of those that are registered when a config has been read.

    These are mmengine's and what the config imports. The hooks of other packages, which take
    seconds to import and would be registered with the first look-up, only note what they find.
    """
    for config in configs:
        kind, name = config and config.get('type'), type_name(config)
        if isinstance(kind, str):
            places = registry, *registry.children.values()
            kinds = [place.module_dict[name] for place in places if name in place.module_dict]
            kinds = kinds or [get_object_from_string(kind)]
        else:
            kinds = [kind]
        yield from (kind for kind in kinds if isinstance(kind, type))


def _with_type(value: Any) -> Iterator[Mapping]:
    """The configs in a list, or in one for each of several optimizers."""
    if isinstance(value, Mapping) and 'type' in value:
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _with_type(item)


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
