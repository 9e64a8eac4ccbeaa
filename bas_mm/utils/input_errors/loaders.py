"""What torch's loaders cannot make batches of, and settings that they refuse."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType

from ..config_traceback import is_a_raise, module_of, running_phase
from .shared import message_of

__all__ = ['refused_by_the_loader', 'unequal_pictures']

_UNEQUAL_PICTURES = re.compile(
    r'stack expects each tensor to be equal size, but got (\[3, \d+, \d+\]) at entry 0 and '
    r'(\[3, \d+, \d+\])'
)
_UNEQUAL_IN_WORKER = re.compile(r'in collate_tensor_fn\n.+\n.*RuntimeError: .*resiz', re.DOTALL)


def unequal_pictures(error: RuntimeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """Pictures of one batch that were to be stacked, here or in a loader's worker."""
    match = _UNEQUAL_PICTURES.search(str(error))
    # A worker makes room in shared memory first, which fails without a word of sizes.
    if match is None and not _UNEQUAL_IN_WORKER.search(str(error)):
        return None
    phase = running_phase(steps)
    if phase is None:
        return None
    sizes = f', {match[1]} and {match[2]} (channels, height, width)' if match else ''
    return (
        f'{phase}_dataloader.dataset.pipeline: the pictures of a batch have several sizes'
        f"{sizes}: let it resize or crop them to one, such as by dict(type='LocResize', scale=224)"
    )


def refused_by_the_loader(
    error: ValueError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """Settings that do not go together, such as ``persistent_workers`` without workers."""
    last, calls = steps[-1], [step.tb_frame.f_code.co_name for step in steps]
    if 'build_dataloader' not in calls or calls[-1] != '__init__' or not is_a_raise(last):
        return None
    if module_of(last.tb_frame) not in ('torch.utils.data.dataloader', 'torch.utils.data.sampler'):
        return None
    for phase in ('train', 'val', 'test'):
        if f'build_{phase}_loop' in calls:
            return f'{phase}_dataloader: {message_of(error)}'
    return None
