"""Two real processes (gloo) with batches of different size against one that has them all."""

import copy
import os
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn as nn
from mmcv.cnn import build_norm_layer
from norm_kernels import kernels_on_cpus
from twins import pretend_a_twin

from bas_mm.models.layers import (
    WaitFreeSyncBatchNorm,
    synchronise_batch_norms,
    wait_free_sync_batch_norm,
)

SLICES = slice(0, 2), slice(2, 5)
KINDS = {'conv': {}, 'average': dict(momentum=None), 'plain': dict(affine=False)}


def _network(**options) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4, **options),
        nn.ReLU(inplace=True),
        nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, eps=1e-3, **options)),
    )
    for name, p in network.named_parameters():
        if '.bias' in name or p.ndim == 1:
            nn.init.uniform_(p, 0.5, 1.5)
    return network.double()


def _batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 3, 9, 8, dtype=torch.double, generator=generator)
    return x, torch.randn(5, 6, 5, 4, dtype=torch.double, generator=generator)


def _steps(network: nn.Module, images: slice = slice(None)) -> dict[str, torch.Tensor]:
    """Two passes, output and gradients of the second, and what is in eval mode afterwards."""
    x, grad = _batch()
    network(x[images] * 2 + 1)
    x = x[images].requires_grad_()
    y = network(x)
    y.backward(grad[images])
    found = dict(y=y.detach(), x=x.grad, eval=network.eval()(x).detach())
    found.update({f'grad of {name}': p.grad for name, p in network.named_parameters()})
    return found | dict(network.named_buffers())


def _worker(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group('gloo', f'file://{folder}/rendezvous', rank=rank, world_size=2)
    for name, options in KINDS.items():
        for way, kernels in (('operators', nullcontext), ('kernels', kernels_on_cpus)):
            network = _network(**options)
            synchronise_batch_norms(network)
            with kernels():
                found = _steps(network, SLICES[rank])
            torch.save(found, f'{folder}/{name} {way}{rank}.pth')
    dist.barrier()
    os._exit(0)  # gloo aborts an interpreter that ends after it


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('two')
    mp.start_processes(_worker, (str(folder),), nprocs=2, start_method='spawn')
    return folder


@pytest.mark.slow
@pytest.mark.parametrize('way', ['operators', 'kernels'])
@pytest.mark.parametrize('kind', KINDS)
def test_two_processes_have_the_statistics_and_gradients_of_one(folder, kind, way):
    expected = _steps(_network(**KINDS[kind]))
    found = [torch.load(folder / f'{kind} {way}{rank}.pth', weights_only=True) for rank in (0, 1)]
    for name, value in expected.items():
        one, two = (part[name] for part in found)
        if name in ('y', 'x', 'eval'):
            got = torch.cat([one, two])
        elif name.startswith('grad'):
            got = one + two
        else:
            assert torch.equal(one, two), name
            got = one
        torch.testing.assert_close(got, value, rtol=1e-10, atol=1e-12, msg=name)


def test_norms_keep_their_tensors_options_and_mode():
    network = _network(momentum=0.2)
    network[3].eval()
    network[1].weight.requires_grad_(False)
    before = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    keys = list(network.state_dict())
    synchronise_batch_norms(network)
    norms = [m for m in network.modules() if isinstance(m, WaitFreeSyncBatchNorm)]
    assert [(m.eps, m.momentum, m.training) for m in norms] == [
        (1e-5, 0.2, True),
        (1e-3, 0.2, False),
    ]
    after = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    assert list(network.state_dict()) == keys
    assert list(after) == list(before)
    assert all(after[name] is tensor for name, tensor in before.items())
    synchronise_batch_norms(network)
    assert [m for m in network.modules() if isinstance(m, WaitFreeSyncBatchNorm)] == norms


def test_norms_that_record_nothing_or_synchronise_already_stay_that_way():
    network = nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False), nn.SyncBatchNorm(3))
    synchronise_batch_norms(network)
    assert [type(m) for m in network] == [WaitFreeSyncBatchNorm, nn.SyncBatchNorm]
    assert network[0].running_mean is None
    assert not network[0].track_running_stats


class _NormAct(nn.BatchNorm2d):
    """As timm's BatchNormAct2d: what is not torch's comes in the forward pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu()


class _Named(nn.BatchNorm2d):
    pass


def test_norms_with_a_forward_pass_of_their_own_stay_and_are_named(monkeypatch):
    wait_free_sync_batch_norm._say.cache_clear()
    lines = []
    monkeypatch.setattr(
        wait_free_sync_batch_norm, 'print_log', lambda text, **options: lines.append(text)
    )
    network = nn.Sequential(_Named(3), nn.Sequential(nn.ReLU(), _NormAct(3)), _NormAct(3))
    x = torch.randn(2, 3, 4, 4)
    expected = network(x)
    synchronise_batch_norms(network)
    assert [type(m) for m in (network[0], network[1][1])] == [WaitFreeSyncBatchNorm, _NormAct]
    assert torch.equal(network(x), expected)
    (line,) = lines
    assert line.startswith('model.sync_batch_norm: 2 batch norms have a forward pass')
    assert line.endswith('the first of them 1.1 (_NormAct)')
    synchronise_batch_norms(network)  # after a module was added
    assert lines == [line]


@pytest.mark.parametrize('training', [True, False])
def test_on_one_process_it_is_torchs_batch_norm(training):
    network = _network().train(training)
    ours = copy.deepcopy(network)
    synchronise_batch_norms(ours)
    x, _ = _batch()
    assert torch.equal(ours(x), network(x))
    for name, buffer in network.named_buffers():
        assert torch.equal(ours.get_buffer(name), buffer), name


def test_a_config_builds_it_and_it_counts_as_a_batch_norm():
    name, norm = build_norm_layer(dict(type='bas_mm.WaitFreeSyncBatchNorm', momentum=0.03), 8, 2)
    assert name == 'bn2'
    assert isinstance(norm, WaitFreeSyncBatchNorm)
    assert norm.momentum == 0.03
    assert isinstance(norm, nn.modules.batchnorm._BatchNorm)


def test_input_without_channels():
    with pytest.raises(ValueError, match=r'takes \(N, C, \.\.\.\), not \(3,\)'):
        WaitFreeSyncBatchNorm(3)(torch.zeros(3))


def test_a_process_without_pictures(monkeypatch):
    pretend_a_twin(monkeypatch)
    norm = WaitFreeSyncBatchNorm(3)
    with pytest.raises(ValueError, match=r'empty batch, \(0, 3, 4, 4\): .* need pictures in each'):
        norm(torch.zeros(0, 3, 4, 4))
    norm.eval()
    assert norm(torch.zeros(0, 3, 4, 4)).shape == (0, 3, 4, 4)
