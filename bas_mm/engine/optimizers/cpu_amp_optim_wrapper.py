from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper

from bas_mm.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Mixed precision on CPUs: bfloat16 autocast, whose range needs no loss scaling.

    mmengine's ``AmpOptimWrapper`` refuses to work without an accelerator. ``tools/train.py
    --amp`` takes this one there, so that a mixed-precision recipe can be tried anywhere.

    Args:
        **kwargs: Those of mmengine's ``OptimWrapper``.
    """

    @contextmanager
    def optim_context(self, model: torch.nn.Module) -> Iterator[None]:
        """Run the forward pass in bfloat16 where torch holds that safe.

        Args:
            model (nn.Module): the model that is trained.
        """
        with super().optim_context(model), torch.autocast('cpu', dtype=torch.bfloat16):
            yield
