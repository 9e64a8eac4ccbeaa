"""Activation checkpointing that leaves batch-norm statistics as one forward pass would."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import chain

import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint

from .feature_map import require_feature_map

_MMENGINES = 'mmengine.runner.activation_checkpointing'


def records_statistics(module: nn.Module) -> bool:
    """Whether ``module`` is a norm whose next forward pass moves its running statistics.

    mmcv's SyncBatchNorm is one and shares no base class with those of torch.
    """
    # By getattr most modules would have to raise an error, which takes most of a walk's time.
    running = module.training and module._buffers.get('running_mean') is not None
    return running and getattr(module, 'track_running_stats', True)


@contextmanager
def discarded_statistics(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Those that are norms and record statistics record them in copies that are thrown away.

    Args:
        modules (Iterable[nn.Module]): norms in training mode get their buffers back afterwards.
    """
    kept = []
    for norm in modules:
        if records_statistics(norm):
            buffers = dict(norm.named_buffers(recurse=False))
            kept.append((norm, buffers))
            for name, buffer in buffers.items():
                setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, buffers in kept:
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)


def _stock_checkpoints(module: nn.Module) -> list[tuple[nn.Module, str]]:
    """Members below ``module`` that checkpoint themselves, and the attribute that makes them."""
    if torch.compiler.is_compiling():  # there are none, see ClassMapClassifier
        return []
    found = []
    for member in module.modules():
        if vars(member).get('with_cp'):
            found.append((member, 'with_cp'))
        # mmengine's activation_checkpointing puts a function before the class's forward.
        forward = vars(member).get('forward')
        if getattr(forward, '__globals__', {}).get('__name__') == _MMENGINES:
            found.append((member, 'forward'))
    return found


def checkpoints_itself(module: nn.Module) -> bool:
    """Whether parts of ``module`` are checkpointed by their packages' own switches.

    These are ``with_cp`` of the backbones of mmpretrain and mmsegmentation, and mmengine's
    ``activation_checkpointing``.
    """
    return bool(_stock_checkpoints(module))


@contextmanager
def without_own_checkpoints(module: nn.Module) -> Iterator[None]:
    """Parts of ``module`` that checkpoint themselves (:func:`checkpoints_itself`) do not."""
    kept = [(m, name, getattr(m, name)) for m, name in _stock_checkpoints(module)]
    for member, name, value in kept:
        setattr(member, name, False if name == 'with_cp' else value.__wrapped__)
    try:
        yield
    finally:
        for member, name, value in kept:
            setattr(member, name, value)


def run_chain(modules: Sequence[nn.Module], x: torch.Tensor) -> torch.Tensor:
    """Modules one after the other, each giving a feature map.

    Raises:
        ValueError: one gives something else, as networks do that hand on tokens.
    """
    for module in modules:
        x = module(x)
        require_feature_map(x, type(module).__name__)
    return x


def _is_plain_chain(module: nn.Module) -> bool:
    """Whether ``module`` does no more than run its members one after the other."""
    hooks = (module._forward_pre_hooks, module._forward_hooks)
    hooks += (module._backward_pre_hooks, module._backward_hooks)
    return type(module).forward is nn.Sequential.forward and not any(hooks)


def run_checkpointed(
    modules: Sequence[nn.Module], x: torch.Tensor, segments: int = 1
) -> torch.Tensor:
    """Modules one after the other; of each segment the input alone is kept for the backward pass.

    The backward pass runs each segment once more. What that records in batch norms is thrown away:
    output, gradients and running statistics are those of :func:`run_chain`.

    Args:
        modules (Sequence[nn.Module]): the chain; an ``nn.Sequential`` without hooks or a forward
            pass of its own counts as its members.
        x (Tensor): input of the first module.
        segments (int): the chain is cut in so many parts of about equal length.

    Returns:
        Tensor: output of the last module.
    """
    steps: list[list[nn.Module]] = []
    for module in modules:
        for step in module if _is_plain_chain(module) else [module]:
            # A segment must not begin with what overwrites the input that is kept for it.
            if steps and getattr(step, 'inplace', False):
                steps[-1].append(step)
            else:
                steps.append([step])
    segments = min(segments, len(steps))
    bounds = [len(steps) * i // segments for i in range(segments + 1)]
    for begin, end in zip(bounds, bounds[1:]):
        part = nn.ModuleList(chain.from_iterable(steps[begin:end]))
        x = checkpoint(
            run_chain,
            part,
            x,
            use_reentrant=False,
            context_fn=lambda part=part: (nullcontext(), discarded_statistics(part.modules())),
        )
    return x
