"""The frozen pass of the Activation Map Constraint (AMC, step 4 of the training forward)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn as nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase

from .activation_checkpoint import (
    discarded_statistics,
    records_statistics,
    without_own_checkpoints,
)


@contextmanager
def untracked_statistics(module: nn.Module) -> Iterator[None]:
    """Norms below ``module`` use, and do not record, the statistics of their own batch.

    Only norms in training mode are touched: there ``track_running_stats = False`` normalises by
    the batch alone and leaves running mean, running variance and the batch counter as they are;
    the others record nothing. Nothing is copied; torch's SyncBatchNorm goes the same way. Norms
    that are none of torch's, such as mmcv's SyncBatchNorm, record whatever the switch says: theirs
    go to copies.
    """
    recording = [m for m in module.modules() if records_statistics(m)]
    norms = [m for m in recording if isinstance(m, _NormBase)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        with discarded_statistics(m for m in recording if not isinstance(m, _NormBase)):
            yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def frozen_pass(modules: Sequence[nn.Module], features: torch.Tensor) -> torch.Tensor:
    """Run modules in order with frozen weights: gradient reaches ``features`` and nothing else.

    The modules are the very ones of the main pass: their parameters are replaced by detached views
    of the same memory for the time of the call, so no weight is copied, no gradient is computed or
    stored for them, and hooks of DistributedDataParallel do not fire a second time. Running
    statistics stay as they are (see :func:`untracked_statistics`). Autocast remembers the casts of
    weights that need a gradient only: those of the views are made anew, and kept until the
    backward pass.

    Modules that checkpoint themselves do not in here: what they run again in the backward pass
    would be the weights themselves, no longer frozen, with norms that record. To keep less, let the
    whole pass be run again by ``torch.utils.checkpoint.checkpoint``, without its reentrant form.

    Args:
        modules (Sequence[nn.Module]): tail and classifier.
        features (Tensor): F_b, (N, C_F, h, w).

    Returns:
        Tensor: the last module's output.
    """
    chain = nn.Sequential(*modules)
    weights = {name: p.detach() for name, p in chain.named_parameters()}
    with untracked_statistics(chain), without_own_checkpoints(chain):
        return functional_call(chain, weights, (features,))
