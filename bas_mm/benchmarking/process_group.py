"""Work in processes of its own that have a process group."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ['run_in_group']


def run_in_group(
    processes: int, device_type: str, work: Callable[..., Any], *arguments: Any
) -> Any:
    """Start processes that share a process group, over NCCL or gloo, and let each do the work.

    Args:
        processes: How many.
        device_type: 'cuda' or 'cpu'. Which device is a process's own is for the work to say.
        work: Called with the process's rank and the arguments; all of it must be picklable.
        *arguments: See there.

    Returns:
        What the work of the first process returned, as JSON keeps it.
    """
    import torch.multiprocessing as mp

    backend = 'nccl' if device_type == 'cuda' else 'gloo'
    with tempfile.TemporaryDirectory() as folder:
        mp.start_processes(
            _take_part,
            (processes, backend, folder, work, arguments),
            nprocs=processes,
            start_method='spawn',
        )
        return json.loads(Path(folder, 'result.json').read_text())


def _take_part(
    rank: int,
    processes: int,
    backend: str,
    folder: str,
    work: Callable[..., Any],
    arguments: tuple,
) -> None:
    """One of the processes."""
    import torch.distributed as dist

    from bas_mm.command_line import close_process_group

    dist.init_process_group(backend, f'file://{folder}/meet', rank=rank, world_size=processes)
    result = work(rank, *arguments)
    if rank == 0:
        Path(folder, 'result.json').write_text(json.dumps(result))
    close_process_group()
