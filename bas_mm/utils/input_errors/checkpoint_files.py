"""Checkpoints that cannot be read, and those that a training cannot go on from."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from ..config_traceback import config_parts, module_of
from .shared import RUNNER, message_of

__all__ = ['unfit_to_resume', 'unreadable_checkpoint']


def unreadable_checkpoint(
    error: BaseException, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """A file that mmengine does not find, or cannot read as a checkpoint."""
    # What mmengine says meanwhile, where there is nobody to hear it or no room.
    speaks = module_of(steps[-1].tb_frame).startswith(('mmengine.logging', 'logging'))
    if isinstance(error, BrokenPipeError) or (speaks and isinstance(error, OSError)):
        return None
    for step in steps:
        frame = step.tb_frame
        if frame.f_code.co_name == '_load_checkpoint' and module_of(frame).startswith('mmengine'):
            first = message_of(error).partition('\n')[0]
            kind = type(error).__name__
            file = frame.f_locals.get('filename')
            if isinstance(error, FileNotFoundError):
                return _missing_checkpoint(file, cfg)
            return f'{file} cannot be read as a checkpoint: {kind}: {first}'
    return None


def _missing_checkpoint(file: str, cfg: Mapping) -> str:
    parts = [(path, key) for path, part in config_parts(cfg) for key in part if part[key] == file]
    where = ''.join(f'{".".join(filter(None, names))}: ' for names in parts[:1])
    return (
        f'{where}there is no checkpoint {file}: train or convert the model that it is of first, '
        'or name another'
    )


def unfit_to_resume(error: BaseException, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A checkpoint without a training's state, or with that of an optimizer of other weights."""
    frames = [step.tb_frame for step in steps]
    resumes = [f for f in frames if f.f_code.co_name == 'resume' and module_of(f) == RUNNER]
    if not resumes:
        return None
    last = frames[-1]
    if isinstance(error, KeyError) and last is resumes[0]:
        reason = f'it has no {message_of(error)}'
    elif isinstance(error, (ValueError, KeyError)) and any(
        frame.f_code.co_name == 'load_state_dict' and module_of(frame) == 'torch.optim.optimizer'
        for frame in frames
    ):
        reason = f'its optimizer is another one: {message_of(error)}'
    else:
        return None
    file = resumes[0].f_locals.get('filename')
    return (
        f'{file} is none that this training can go on from: {reason}. To begin with its weights '
        f'give --cfg-options load_from={file}, without --resume'
    )
