"""Two real processes (gloo, CPU) train BAS under DDP without a search for unused parameters."""

import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from tiny import samples_of, tiny_model, total

LABELS = (0, 3, 1, 2)


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def _images() -> torch.Tensor:
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()


def _worker(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    dist.init_process_group('gloo', rank=rank, world_size=2)
    DefaultScope.get_instance('ddp', scope_name='bas_mm')
    model = MMDistributedDataParallel(
        tiny_model(norm=False).double(), find_unused_parameters=False, broadcast_buffers=False
    )
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1), accumulative_counts=1)
    mine = slice(2 * rank, 2 * rank + 2)
    for _ in range(2):
        data = dict(inputs=_images()[mine], data_samples=samples_of(LABELS[mine]))
        model.module.data_preprocessor = _Pass()
        model.train_step(data, optim)
    if rank == 0:
        torch.save(model.module.state_dict(), out)
    dist.barrier()
    dist.destroy_process_group()


class _Pass(torch.nn.Module):
    """Inputs are normalised already; the stock preprocessor would make them float32."""

    def forward(self, data, training=False):
        return data


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path):
    out = tmp_path / 'weights.pth'
    mp.start_processes(_worker, (_free_port(), str(out)), nprocs=2, start_method='spawn')
    model = tiny_model(norm=False).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        total(model(_images(), samples_of(LABELS), mode='loss')).backward()
        optimizer.step()
    weights = torch.load(out, weights_only=True)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(weights[name], value, rtol=1e-8, atol=1e-10, msg=name)
