"""cuDNN's search for the fastest convolution, and where it is of no use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ['without_cudnn_search']


@contextmanager
def without_cudnn_search() -> Iterator[None]:
    """Switch off ``torch.backends.cudnn.benchmark``, and back to what it was.

    A config's ``env_cfg.cudnn_benchmark`` makes cuDNN time all its algorithms at the first
    convolution of each shape. In training, where crops have one size, this pays. Where each
    picture has its own size nearly every convolution is a first one, and what is computed depends
    on how algorithms were timed. The switch is that of the whole process.
    """
    # Not cudnn.flags(), which sets its other flags to its own defaults.
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
