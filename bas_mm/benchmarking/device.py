"""Work and memory of a device: what it is given, waiting for it, peaks, what a model holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = [
    'held_bytes',
    'peak_bytes',
    'pin_pictures',
    'synchronise',
]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all work it was given."""
    if device.type == 'cuda':
        import torch

        torch.cuda.synchronize(device)


def pin_pictures(batch: dict, dataloader: Mapping, device: torch.device) -> None:
    """Put a batch's pictures into pinned memory where a loader would do so, in place.

    From there they go to a GPU while the host goes on. A loader leaves samples, and so their
    labels, where they are.

    Args:
        batch: Its ``inputs`` are a tensor, or a list of one tensor for each picture.
        dataloader: Such as ``train_dataloader`` of a config; ``pin_memory`` decides.
        device: Where the batch will go.
    """
    import torch

    if device.type == 'cuda' and dataloader.get('pin_memory'):
        inputs = batch['inputs']
        whole = isinstance(inputs, torch.Tensor)
        batch['inputs'] = inputs.pin_memory() if whole else [x.pin_memory() for x in inputs]


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
