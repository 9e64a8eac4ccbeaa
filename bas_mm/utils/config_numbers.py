"""Whether what a run counts with are numbers: a command line makes texts and lists as readily."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isinf, isnan
from typing import Any

__all__ = ['describe_wrong_number']

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


def describe_wrong_number(cfg: Mapping) -> str | None:
    """The first value that is no number where one is needed, and what to write.

    Args:
        cfg (Mapping): A run's config. A value that is not there or None, or a part of another form
            than mmengine's own loops and loaders have, is let pass.

    Returns:
        str | None: A message that begins with the key; None where all are numbers.
    """
    for pattern, kinds in _KINDS.items():
        for place, part in _parts(cfg, pattern):
            for key, kind in kinds.items():
                said = _wrong(part.get(key), kind)
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
        decimals = '; decimals have a point: write 0.001' if kind == 'any' else ''
        return f'{needed}, and a comma makes a list{decimals}'
    if isinstance(value, bool) or not isinstance(value, (int, float)) or isnan(value):
        return needed
    if isinstance(value, int) or kind == 'any':
        return None
    # mmengine's loops take 5.0 for 5, and the infinite for never; torch's loaders do not.
    return None if kind == 'whole' and (value.is_integer() or isinf(value)) else needed
