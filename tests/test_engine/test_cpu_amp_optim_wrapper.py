from contextlib import contextmanager

import torch
from torch import nn

from bas_mm.registry import OPTIM_WRAPPERS


class _Model(nn.Linear):
    """As DistributedDataParallel, it can be told to leave gradients of a step unsynchronised."""

    told = 0

    @contextmanager
    def no_sync(self):
        self.told += 1
        yield


def test_the_forward_pass_is_bfloat16_and_weights_and_gradients_are_not():
    model = _Model(3, 2)
    wrapper = OPTIM_WRAPPERS.build(
        dict(
            type='CPUAmpOptimWrapper',
            optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
            accumulative_counts=2,
        )
    )
    for _ in range(2):
        with wrapper.optim_context(model):
            out = model(torch.ones(1, 3))
        assert out.dtype == torch.bfloat16
        assert model(torch.ones(1, 3)).dtype == torch.float32
        wrapper.update_params(out.float().sum())
        assert all(p.dtype == torch.float32 for p in model.parameters())
    # What mmengine's own does goes on: of two steps that are added up the last one is exchanged.
    assert model.told == 1
