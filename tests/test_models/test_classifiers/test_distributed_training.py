"""Two real processes (gloo, CPU) train under DDP, without a search for unused parameters."""

from functools import partial
from pathlib import Path

import pytest
import torch
from compiling import COMPILES, needs_compile
from gloo_pair import run_pair
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from tiny import samples_of, tiny_model_cfg, total
from torch._dynamo.utils import counters

from bas_mm.models.layers import WaitFreeSyncBatchNorm
from bas_mm.registry import MODELS

LABELS = (0, 3, 1, 2)
# Name of the run: kind, options of the model.
RUNS = {
    'without norms': ('BASClassifier', dict(norm=False)),
    'BAS': ('BASClassifier', {}),
    'CAM': ('CAMClassifier', {}),
    'checkpointed': ('BASClassifier', dict(checkpoint_segments=2)),
    'channels last': ('BASClassifier', dict(channels_last=True)),
    'statistics of its own': ('BASClassifier', dict(sync_batch_norm=False)),
}
if COMPILES:
    RUNS['compiled'] = 'BASClassifier', dict(compile=dict(backend='aot_eager', fullgraph=True))


def _images() -> torch.Tensor:
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)).double()


def _model(kind: str, norm: bool = True, **options):
    """The same weights whatever the options and the number of processes."""
    torch.manual_seed(0)
    plain = MODELS.build({**tiny_model_cfg(kind, norm=norm), 'sync_batch_norm': False})
    plain.init_weights()
    model = MODELS.build({**tiny_model_cfg(kind, norm=norm), **options})
    model.load_state_dict(plain.state_dict())
    return model.double()


class _Pass(torch.nn.Module):
    """Inputs are normalised already; the stock preprocessor would make them float32."""

    def forward(self, data, training=False):
        return data


def _worker(rank: int, folder: Path) -> None:
    torch._dynamo.reset()  # what other tests have compiled
    DefaultScope.get_instance('ddp', scope_name='bas_mm')
    mine = slice(2 * rank, 2 * rank + 2)
    for name, (kind, options) in RUNS.items():
        model = _model(kind, **options)
        model.data_preprocessor = _Pass()
        norms = [m for m in model.modules() if isinstance(m, WaitFreeSyncBatchNorm)]
        wrapped = MMDistributedDataParallel(
            model, find_unused_parameters=False, broadcast_buffers=False
        )
        optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
        counters.clear()
        for _ in range(2):
            data = dict(inputs=_images()[mine], data_samples=samples_of(LABELS[mine]))
            wrapped.train_step(data, optim)
        found = dict(
            weights=model.state_dict(),
            norms=len(norms),
            graphs=counters['stats']['unique_graphs'],
            breaks=len(counters['graph_break']),
        )
        torch.save(found, f'{folder}/{name} {rank}.pth')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('two')
    run_pair(partial(_worker, folder=folder), folder, 600)  # it compiles
    return folder


def _found(folder, name: str) -> list[dict]:
    return [torch.load(folder / f'{name} {rank}.pth', weights_only=True) for rank in (0, 1)]


def _of_one_process(kind: str, norm: bool = True) -> dict[str, torch.Tensor]:
    model = _model(kind, norm)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        total(model(_images(), samples_of(LABELS), mode='loss')).backward()
        optimizer.step()
    return model.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize('name', [name for name in RUNS if name != 'statistics of its own'])
def test_two_processes_take_the_steps_of_one(folder, name):
    """Weights and running statistics, whatever the options."""
    kind, options = RUNS[name]
    expected = _of_one_process(kind, options.get('norm', True))
    for found in _found(folder, name):
        assert list(found['weights']) == list(expected)
        for key, value in expected.items():
            torch.testing.assert_close(found['weights'][key], value, rtol=1e-8, atol=1e-10, msg=key)
        assert (found['norms'] > 0) == (name != 'without norms')


@pytest.mark.slow
@needs_compile
def test_synchronised_norms_break_no_graph(folder):
    for found in _found(folder, 'compiled'):
        assert (found['graphs'], found['breaks']) == (1, 0)


@pytest.mark.slow
def test_norms_that_share_nothing_are_those_of_each_batch(folder):
    one, two = _found(folder, 'statistics of its own')
    assert one['norms'] == two['norms'] == 0
    key = 'backbone.bn1.running_mean'
    assert not torch.allclose(one['weights'][key], two['weights'][key])
