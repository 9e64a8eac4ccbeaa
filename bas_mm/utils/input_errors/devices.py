"""Memory that does not do, and what torch's DDP cannot do on a device or with a config."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from types import TracebackType

from ..config_traceback import module_of, running_phase
from ..config_types import registered_class
from .shared import constructors_of, parameters_of

__all__ = ['full_device', 'full_shared_memory', 'norms_of_accelerators', 'static_graph']

# Of a loader's worker: torch's own error, and the signal of a process that uses memory which it was
# promised and did not get.
_FULL_SHARED_MEMORY = re.compile(
    r'unable to allocate shared memory\(shm\) for file .*\(28\)|killed by signal: Bus error'
)


def full_shared_memory(
    error: RuntimeError | OSError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """What of a container's processes is too much for its ``/dev/shm``."""
    modules = [module_of(step.tb_frame) for step in steps]
    if isinstance(error, OSError):  # of a semaphore, which has a file there
        full = error.errno == errno.ENOSPC and 'multiprocessing.synchronize' in modules
    else:
        # Of a killed worker the main process says no more than that it has ended.
        full = _FULL_SHARED_MEMORY.search(f'{error}\n{error.__cause__}')
    if not full:
        return None
    phase = running_phase(steps) if 'torch.utils.data.dataloader' in modules else None
    less = f'a smaller {phase}_dataloader.num_workers' if phase else 'fewer processes'
    return (
        'the memory that processes share, /dev/shm, is full. Less is taken by '
        f'{less}; a container gets more by docker run --shm-size=8g'
    )


def full_device(error: RuntimeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """torch's error of a device whose memory does not do, and what takes less of it."""
    if type(error).__name__ != 'OutOfMemoryError':  # not in torch itself before 2.5
        return None
    # Behind it are the figures of torch's own pool.
    said = str(error).partition(' Of the allocated memory ')[0].partition('\n')[0]
    phase, ways = running_phase(steps), []
    if phase is None:
        return said
    if (cfg.get(f'{phase}_dataloader') or {}).get('batch_size') != 1:
        accumulated = ' with optim_wrapper.accumulative_counts' if phase == 'train' else ''
        ways.append(f'a smaller {phase}_dataloader.batch_size{accumulated}')
    if phase == 'train':
        if 'Amp' not in str((cfg.get('optim_wrapper') or {}).get('type')):
            ways.append('optim_wrapper.type=AmpOptimWrapper')
        if _takes_segments(cfg.get('model') or {}):
            ways.append('model.checkpoint_segments=4')
    return f'{said.removesuffix(".")}. Less is taken by {" or ".join(ways)}' if ways else said


def _takes_segments(model: Mapping) -> bool:
    """Whether activations of a model may be checkpointed, and are not."""
    from bas_mm.registry import MODELS

    if model.get('compile') or model.get('checkpoint_segments'):
        return False
    functions = constructors_of(registered_class(MODELS, model)).values()
    return any(p.name == 'checkpoint_segments' for f in functions for p in parameters_of(f))


def norms_of_accelerators(
    error: ValueError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """torch's error of its synchronised norms in a job on CPUs."""
    if 'SyncBatchNorm layers only work with GPU' not in str(error):
        return None
    return (
        "model: torch's SyncBN works on accelerators only. On CPUs set type='BN' in the norm_cfg: "
        'classifiers of bas_mm share its statistics over the processes all the same'
    )


def static_graph(error: RuntimeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """torch's error of a job whose first step, of a static graph, leaves gradients unshared."""
    if 'expect_autograd_hooks_' not in str(error):
        return None
    if not (cfg.get('model_wrapper_cfg') or {}).get('static_graph'):
        return None
    counts = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    if counts == 1:
        return None
    return (
        "model_wrapper_cfg.static_graph=True: torch's DDP cannot accumulate gradients in a static "
        f'graph. Leave it out, or optim_wrapper.accumulative_counts={counts}'
    )
