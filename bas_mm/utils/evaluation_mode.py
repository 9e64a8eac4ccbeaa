"""A look at a network between two training steps."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn as nn

__all__ = ['evaluation_mode']


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[nn.Module]:
    """Put a module into eval mode, and each of its parts back into the mode that it had.

    ``module.train()`` afterwards would not do: parts that a recipe keeps in eval mode, such as
    frozen batch norms, would start to train.

    Args:
        module (nn.Module): In any mode, its parts too.

    Yields:
        nn.Module: The same module.
    """
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield module
    finally:
        # The attribute, not train(), which may be overridden and goes down to all parts.
        for part in training:
            part.training = True
