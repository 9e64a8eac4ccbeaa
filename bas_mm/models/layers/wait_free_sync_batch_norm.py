import logging
from collections.abc import Iterator
from functools import lru_cache

import torch
import torch.nn as nn
from mmengine.dist import get_world_size
from mmengine.logging import print_log
from torch.nn.modules.batchnorm import _BatchNorm

from bas_mm.models.functional import synchronised_batch_norm
from bas_mm.registry import MODELS


@MODELS.register_module()
class WaitFreeSyncBatchNorm(_BatchNorm):
    """Batch norm by the statistics of all processes' batches; the host waits for none of it.

    torch's ``SyncBatchNorm`` reads on the host which process had an empty batch: the host waits
    in every layer, and no graph of ``torch.compile`` goes through. Here no process may have an
    empty batch. What else differs: it works on every device that its processes can talk about, on
    CPUs over gloo too. Weights, buffers and their names are those of ``nn.BatchNorm2d``, which it
    is on one process and in eval mode.

    Args:
        num_features, eps, momentum, affine, track_running_stats: those of ``nn.BatchNorm2d``;
            ``momentum=None`` averages all batches alike.

    Raises:
        ValueError: in the forward pass, an input without channels or, on several processes, without
            pictures.
    """

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f'a batch norm takes (N, C, ...), not {tuple(input.shape)}.')

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(N, C, ...) -> the same shape and dtype, normalised by channel."""
        self._check_input_dim(input)
        if not self.training or get_world_size() == 1:
            return super().forward(input)
        if input.numel() == 0:
            raise ValueError(
                f'an empty batch, {tuple(input.shape)}: norms that share statistics need pictures '
                'in each process. Take a smaller batch_size, or model.sync_batch_norm=False.'
            )
        running, share = None, self.momentum
        if self.track_running_stats:
            running = self.running_mean, self.running_var
            self.num_batches_tracked.add_(1)
            if share is None:
                share = self.num_batches_tracked.to(self.running_mean.dtype).reciprocal()
        return synchronised_batch_norm(input, self.weight, self.bias, self.eps, running, share)


def synchronise_batch_norms(module: nn.Module) -> None:
    """Put :class:`WaitFreeSyncBatchNorm` in the place of torch's batch norms below ``module``.

    They keep their parameters and buffers, the very same tensors. Norms that synchronise already
    stay what they are, and so do those with a forward pass of their own, such as timm's
    ``BatchNormAct2d``, whose activation would be lost: a line of the log names them.

    Args:
        module (nn.Module): changed in place; no batch norm itself.
    """
    others = list(_synchronise_below(module, ''))
    if others:
        _say(
            f'model.sync_batch_norm: {len(others)} batch norms have a forward pass of their own '
            f"and keep each process's own statistics, the first of them {others[0]}"
        )


@lru_cache
def _say(text: str) -> None:
    """Once: a model is gone through again after a module was added."""
    print_log(text, logger='current', level=logging.WARNING)


def _synchronise_below(module: nn.Module, prefix: str) -> Iterator[str]:
    """Names and types of the batch norms that cannot be replaced."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            if type(child).forward is not _BatchNorm.forward:
                yield f'{prefix}{name} ({type(child).__name__})'
                continue
            norm = WaitFreeSyncBatchNorm(
                child.num_features,
                child.eps,
                child.momentum,
                child.affine,
                child.track_running_stats,
                device='meta',  # every tensor is replaced: nothing is made that is thrown away
            )
            norm.train(child.training)
            for kept in (child._parameters, child._buffers):
                for key, tensor in kept.items():
                    setattr(norm, key, tensor)
            setattr(module, name, norm)
        else:
            yield from _synchronise_below(child, f'{prefix}{name}.')
