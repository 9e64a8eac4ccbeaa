"""Work and memory of a device: waiting for it, the peak of a function, what a model holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = [
    'held_bytes',
    'peak_bytes',
    'synchronise',
]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all work it was given."""
    if device.type == 'cuda':
        import torch

        torch.cuda.synchronize(device)


def peak_bytes(function: Callable[[], object], device: torch.device) -> int:
    """Most bytes of tensors at a time while a function runs, beyond those at its start.

    On a GPU these are torch's own figures of what was allocated there. On a CPU each allocation
    and release of torch's allocator is recorded and added up: that is exact, other processes and
    fragments do not matter. Scratch memory that oneDNN and BLAS get from the system by themselves
    is not among it.

    Args:
        function: What to run, once.
        device: Where its tensors are.
    """
    import torch

    if device.type == 'cuda':
        synchronise(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        function()
        synchronise(device)
        return torch.cuda.max_memory_allocated(device) - before
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        function()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == '[memory]']
    events.sort(key=lambda event: event.start_ns())
    return max(accumulate((event.nbytes() for event in events), initial=0))


def held_bytes(model: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> int:
    """Bytes of a model's parameters and buffers, and of its optimizer's state."""
    tensors = [*model.parameters(), *model.buffers()]
    if optimizer is not None:
        states = (value for state in optimizer.state.values() for value in state.values())
        tensors += [value for value in states if hasattr(value, 'untyped_storage')]
    storages = {s.data_ptr(): s.nbytes() for s in (t.untyped_storage() for t in tensors)}
    return sum(storages.values())
