"""Whether what a run counts with are numbers: a command line makes texts and lists as readily."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isinf, isnan
from typing import Any

__all__ = ['describe_no_number', 'describe_wrong_number']

_LOADER = dict.fromkeys(('batch_size', 'num_workers'), 'int')
#: Part of a config -> key -> kind of number. An asterisk stands for each of a list.
_KINDS = {
    **{f'{phase}_dataloader': _LOADER for phase in ('train', 'val', 'test', 'seed')},
    'train_cfg': dict.fromkeys(('max_epochs', 'max_iters', 'val_interval', 'val_begin'), 'whole'),
    'optim_wrapper': dict(accumulative_counts='whole'),
    'optim_wrapper.optimizer': dict.fromkeys(('lr', 'momentum', 'weight_decay'), 'any'),
    'param_scheduler.*': {
        # Of parts of an epoch convert_to_iter_based makes iterations.
        **dict.fromkeys(('begin', 'end', 'step_size', 'T_max', 'total_iters'), 'any'),
        **dict.fromkeys(('gamma', 'power', 'eta_min', 'factor'), 'any'),
        **dict.fromkeys(('start_factor', 'end_factor'), 'any'),
    },
}
#: The least that mmengine and torch take. Of others, such as a rate, the part that has it judges.
_LEAST = dict(batch_size=1, num_workers=0, max_epochs=0, max_iters=0, accumulative_counts=1)


def describe_wrong_number(cfg: Mapping) -> str | None:
    """The first value that is no number where one is needed, or too small, and what to write.

    Args:
        cfg (Mapping): A run's config. A value that is not there or None, or a part of another form
            than mmengine's own loops and loaders have, is let pass.

    Returns:
        str | None: A message that begins with the key; None where all are numbers.
    """
    for pattern, kinds in _KINDS.items():
        for place, part in _parts(cfg, pattern):
            for key, kind in kinds.items():
                said = _wrong(part.get(key), kind) or _too_small(key, part.get(key), cfg)
                if said is not None:
                    return f'{place}.{key}={part[key]!r}: {said}'
    return None


def _parts(cfg: Mapping, pattern: str) -> Iterator[tuple[str, Mapping]]:
    name, _, rest = pattern.partition('.')
    found = cfg.get(name)
    if rest == '*':
        if isinstance(found, (list, tuple)):
            parts = [(f'{name}.{index}', part) for index, part in enumerate(found)]
        else:
            parts = [(name, found)]
    elif rest:
        parts = [(pattern, found.get(rest) if isinstance(found, Mapping) else None)]
    else:
        parts = [(name, found)]
    return ((place, part) for place, part in parts if isinstance(part, Mapping))


def _wrong(value: Any, kind: str) -> str | None:
    needed = 'a number is needed' if kind == 'any' else 'a whole number is needed'
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return describe_no_number(value, kind != 'any')
    if isinstance(value, bool) or not isinstance(value, (int, float)) or isnan(value):
        return needed
    if isinstance(value, int) or kind == 'any':
        return None
    # mmengine's loops take 5.0 for 5, and the infinite for never; torch's loaders do not.
    return None if kind == 'whole' and (value.is_integer() or isinf(value)) else needed


def _too_small(key: str, value: Any, cfg: Mapping) -> str | None:
    """What is said of a number, or None; the loops divide by ``val_interval``."""
    if key == 'val_interval':
        return 'at least 1 is needed' if value == 0 and cfg.get('val_cfg') is not None else None
    least = _LEAST.get(key)
    too_small = least is not None and value is not None and value < least
    return f'at least {least} is needed' if too_small else None


def describe_no_number(value: Any, whole: bool) -> str | None:
    """What to write in place of a text, a list or a dict where a number is needed.

    Args:
        value (Any): What stands there.
        whole (bool): Whether the number is a whole one.

    Returns:
        str | None: None for anything else.
    """
    needed = f'a {"whole " if whole else ""}number is needed'
    if isinstance(value, (list, tuple)):
        decimals = '' if whole else '; decimals have a point: write 0.001'
        return f'{needed}, and a comma makes a list{decimals}'
    return needed if isinstance(value, (str, Mapping)) else None
