"""Two real processes (gloo, CPU) train IRNet under DDP as one does."""

from functools import partial
from pathlib import Path

import pytest
import torch
from gloo_pair import run_pair
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from tiny_irn import tiny_irn_cfg

from bas_mm.registry import MODELS

STEPS = 2


class _Pass(torch.nn.Module):
    """Inputs are normalised already; the stock preprocessor would make them float32."""

    def forward(self, data, training=False):
        return data


def _model():
    torch.manual_seed(0)
    model = MODELS.build(tiny_irn_cfg())
    model.init_weights()
    model.data_preprocessor = _Pass()
    return model.double().train()


def _batch(part: slice) -> dict:
    """Four pictures: objects of very unequal sizes, and none in the last two."""
    images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()
    labels = torch.zeros(4, 1, 64, 64, dtype=torch.int64)
    labels[0, :, 4:60, 4:56] = 1
    labels[1, :, 40:50, 40:52] = 2
    labels[1, :, :32] = 255
    labels[3, :, 8:] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels[part]]
    return dict(inputs=images[part], data_samples=samples)


def _train(model, part: slice) -> dict[str, torch.Tensor]:
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = OptimWrapper(torch.optim.SGD(weights, lr=0.1))
    for _ in range(STEPS):
        log = model.train_step(_batch(part), optimizer)
    return log


def _worker(rank: int, folder: Path) -> None:
    model = _model()
    log = _train(MMDistributedDataParallel(model), slice(2 * rank, 2 * rank + 2))
    torch.save(dict(weights=model.state_dict(), log=log), f'{folder}/{rank}.pth')


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path):
    """Also where all pairs of a kind are with one of them."""
    run_pair(partial(_worker, folder=tmp_path), tmp_path)
    found = [torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in (0, 1)]
    model = _model()
    start = {key: value.clone() for key, value in model.state_dict().items()}
    log = _train(model, slice(None))
    moved = 0
    for key, value in model.state_dict().items():
        moved += not torch.equal(value, start[key])
        for own in found:
            torch.testing.assert_close(own['weights'][key], value, rtol=1e-8, atol=1e-10, msg=key)
    assert moved > 10
    # What is logged of the processes has the whole batch's loss as its mean.
    for key, value in log.items():
        torch.testing.assert_close((found[0]['log'][key] + found[1]['log'][key]) / 2, value)
