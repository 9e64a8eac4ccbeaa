"""Memory that is full, and what torch's DDP cannot do."""

import errno
import os
from multiprocessing import Lock

import pytest
import torch
from compiling import needs_compile
from gloo_pair import run_pair
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg

from bas_mm.registry import MODELS, TRANSFORMS
from bas_mm.utils.input_errors import describe_input_error

SHM = 'unable to allocate shared memory(shm) for file </torch_7_8_0>: No space left on device (28)'
LESS_SHARED = (
    'the memory that processes share, /dev/shm, is full. Less is taken by {}; '
    'a container gets more by docker run --shm-size=8g'
)


class FailsWith:
    """A transform that raises what torch does where a worker makes room for its batch."""

    def __init__(self, text):
        self.text = text

    def __call__(self, results):
        raise RuntimeError(self.text)


@pytest.mark.parametrize('phase', ['train', 'val'])
@pytest.mark.parametrize('text', [SHM, SHM.replace('28', '24')])
def test_shared_memory_that_a_loaders_worker_does_not_get(data, tmp_path, monkeypatch, phase, text):
    """As much as a container has of it; 24 is another error, too many open files."""
    monkeypatch.setitem(TRANSFORMS.module_dict, 'FailsWith', FailsWith)
    cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
    loader = cfg[f'{phase}_dataloader']
    loader.num_workers = 1
    loader.dataset.pipeline.insert(1, dict(type='FailsWith', text=text))
    with pytest.raises(RuntimeError, match='unable to allocate') as caught:
        Runner.from_cfg(cfg).train()
    said = describe_input_error(caught.value, dict(cfg.items()))
    expected = LESS_SHARED.format(f'a smaller {phase}_dataloader.num_workers')
    assert said == (expected if text == SHM else None)


def test_shared_memory_where_a_worker_is_killed_or_cannot_begin(description, monkeypatch):
    """Both are told apart from a worker that ends otherwise, and from a disk."""
    expected = LESS_SHARED.format('a smaller train_dataloader.num_workers')
    loader = 'torch.utils.data.dataloader._MultiProcessingDataLoaderIter._try_get_data'
    for signal, said in (('Bus error', expected), ('Killed', None)):

        def end(self, signal=signal, **kwargs):
            try:
                raise RuntimeError(f'DataLoader worker (pid 7) is killed by signal: {signal}. ')
            except RuntimeError as error:
                raise RuntimeError('DataLoader worker (pid(s) 7) exited unexpectedly') from error

        with monkeypatch.context() as patch:
            patch.setattr(loader, end)
            assert description(train_dataloader__num_workers=1) == said

    def no_room(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr('multiprocessing.synchronize._multiprocessing.SemLock', no_room)
        assert description(train_dataloader__num_workers=1) == expected
        with pytest.raises(OSError, match='No space') as caught:
            Lock()
        said = describe_input_error(caught.value, {})
        assert said == LESS_SHARED.format('fewer processes')
    with pytest.raises(OSError, match='No space') as caught:
        no_room()
    assert describe_input_error(caught.value, {}) is None


TORCHS = (
    'CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 10.00 GiB of '
    'which 1.00 GiB is free.'
)
LESS = f'{TORCHS} Less is taken by '


@pytest.mark.parametrize(
    ('phase', 'settings', 'expected'),
    [
        (
            'train',
            {},
            f'{LESS}a smaller train_dataloader.batch_size with optim_wrapper.accumulative_counts '
            'or optim_wrapper.type=AmpOptimWrapper or model.checkpoint_segments=4',
        ),
        (
            'train',
            dict(optim_wrapper__type='CPUAmpOptimWrapper', model__checkpoint_segments=2),
            f'{LESS}a smaller train_dataloader.batch_size with optim_wrapper.accumulative_counts',
        ),
        pytest.param(
            'train',
            dict(train_dataloader__batch_size=1, model__compile=True),
            f'{LESS}optim_wrapper.type=AmpOptimWrapper',
            marks=needs_compile,
        ),
        ('val', {}, f'{LESS}a smaller val_dataloader.batch_size'),
        ('val', dict(val_dataloader__batch_size=1), TORCHS),
        ('', {}, TORCHS),
    ],
)
def test_memory_of_a_device_that_does_not_do(description, monkeypatch, phase, settings, expected):
    """The same wherever it is raised; there is no device here with too little of it."""

    def full(*args, **kwargs):
        raise torch.cuda.OutOfMemoryError(
            f'{TORCHS} Of the allocated memory 8.00 GiB is allocated by PyTorch, and 0 bytes is '
            'reserved by PyTorch but unallocated.'
        )

    place = dict(train='loss', val='predict').get(phase, 'init_weights')
    monkeypatch.setattr(MODELS.get('BASClassifier'), place, full)
    monkeypatch.setattr(MODELS.get('BASClassifier'), 'compile', lambda *_: None, raising=False)
    assert description(**settings) == expected


@pytest.mark.parametrize(
    ('settings', 'expected'),
    [
        (
            {'model.backbone.norm_cfg': dict(type='SyncBN')},
            "model: torch's SyncBN works on accelerators only. On CPUs set type='BN' in the",
        ),
        (
            {'model_wrapper_cfg.static_graph': True, 'optim_wrapper.accumulative_counts': 2},
            "model_wrapper_cfg.static_graph=True: torch's DDP cannot accumulate gradients in a "
            'static graph. Leave it out, or optim_wrapper.accumulative_counts=2',
        ),
        ({'model_wrapper_cfg.static_graph': True}, None),
    ],
)
def test_what_torchs_ddp_cannot_do(data, tmp_path, settings, expected):
    def train(rank: int) -> None:
        cfg = tiny_run_cfg(data, tmp_path, epochs=1)
        cfg.launcher = 'pytorch'  # of a group that is there
        cfg.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None)
        cfg.train_dataloader.batch_size = 2  # two iterations: the last one shares its gradients
        cfg.merge_from_dict(settings)
        raised = None
        try:
            Runner.from_cfg(cfg).train()
        except (ValueError, RuntimeError) as error:
            raised = error
        if expected is None:
            assert raised is None
            return
        said = describe_input_error(raised, cfg)
        assert said is not None, raised
        assert said.startswith(expected), said
        # Not where the config does not ask for it.
        assert 'static' not in said or describe_input_error(raised, {}) is None

    run_pair(train, tmp_path, seconds=60)
