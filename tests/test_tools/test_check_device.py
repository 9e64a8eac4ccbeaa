"""tools/analysis_tools/check_device.py, for real on a tiny network."""

import argparse
import json
import warnings

import pytest
import torch
import torch.distributed as dist
from mmengine.config import Config
from modules import load_module
from norm_kernels import kernels_on_cpus
from tiny_project import TinyProject

from bas_mm.benchmarking.networks import without_weights
from bas_mm.models.data_preprocessors import LocalizationDataPreprocessor
from bas_mm.models.functional import synchronised_norm

TOOL = 'analysis_tools/check_device.py'
CPU = torch.device('cpu')
PARTS = ['loss', 'norms_median', 'norms_largest', 'directions_median', 'statistics']


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('project'))


@pytest.fixture
def tool(repo_dir):
    return load_module(repo_dir / 'tools' / TOOL)


@pytest.fixture
def cfg(project):
    return without_weights(Config.fromfile(project.config))


@pytest.mark.slow
def test_figures(project):
    out = project.folder / 'figures.json'
    common = ['--configs', project.config, '--size', 32, '--device', 'cpu', '--out', out]
    # A process of its own: the one that it starts looks for the file that it came from.
    done = project.run_forked(TOOL, *common)
    content = json.loads(out.read_text())
    (network,) = content['networks']
    rows = network['rows']
    assert list(rows) == [
        'float32, CPU',
        *('float64, cpu', 'float32, cpu', 'channels_last, cpu', 'checkpoint, cpu', 'bf16, cpu'),
        'bf16+channels_last, cpu',
    ]
    assert list(rows['bf16, cpu']) == PARTS
    assert max(rows['float64, cpu'].values()) < 1e-10
    assert rows['float32, cpu'] == rows['float32, CPU']
    for name in ('float32', 'channels_last', 'checkpoint'):
        assert 0 < rows[f'{name}, cpu']['loss'] < 1e-5
        assert 0 < rows[f'{name}, cpu']['norms_median'] < 1e-3
        assert 0 < rows[f'{name}, cpu']['directions_median'] < 1e-2
        assert 0 < rows[f'{name}, cpu']['statistics'] < 1e-5
    assert 1e-5 < rows['bf16, cpu']['loss'] < 0.1
    assert 1e-4 < rows['bf16, cpu']['statistics'] < 0.1
    norms = content['norms']
    limits = dict(float64=1e-14, float32=1e-6, bfloat16=0.02, float16=2e-3)
    assert list(norms) == [
        f'{dtype}{layout}, cpu' for dtype in limits for layout in ('', ', channels_last')
    ]
    for name, row in norms.items():
        assert list(row) == ['y', 'x', 'γ', 'β', 'mean', 'variance'], name
        # A CPU sums the points of this layout in another order.
        limit = limits[name.partition(',')[0]] * (2 if 'channels_last' in name else 1)
        assert max(row.values()) < limit, name
    assert f'| {rows["bf16, cpu"]["loss"]:.1e} ' in done.stdout
    assert 'waits' not in network


def test_differences_by_hand(tool):
    def one(loss, scale, turned):
        gradients = dict(
            a=torch.tensor([3.0, 4.0]) * scale,
            b=torch.tensor([0.0, 10.0]) if not turned else torch.tensor([10.0, 0.0]),
            small=torch.tensor([1.0]) * turned,
        )
        return dict(loss=loss, gradients=gradients, statistics=dict(m=torch.tensor([2.0]) * scale))

    reference = one(2.0, 1, False)
    reference['gradients']['small'] = torch.tensor([0.1])
    ours = tool.difference(one(2.2, 1.5, True), reference)
    # Of three gradients the larger two: a is half as long again, b is turned by a right angle.
    expected = [0.1, 0.25, 0.5, (0.5 + 2**0.5) / 2, 0.5]
    assert list(ours) == PARTS
    assert list(ours.values()) == pytest.approx(expected)


def test_a_wrong_device_is_seen(tool, cfg, monkeypatch):
    """One operator with an error of a percent, as a broken kernel would have it."""
    args = argparse.Namespace(batch=2, size=32, variants=['float32'])
    right = tool.measure(cfg, args, CPU)['float32, cpu']
    step = tool.step
    relu = torch.nn.functional.relu

    def on_a_broken_device(cfg, weights, images, labels, variant, device):
        with monkeypatch.context() as patch:
            if device != torch.device('cpu'):
                patch.setattr(
                    torch.nn.functional, 'relu', lambda x, inplace=False: 1.01 * relu(x, inplace)
                )
            return step(cfg, weights, images, labels, variant, CPU)

    monkeypatch.setattr(tool, 'step', on_a_broken_device)
    rows = tool.measure(cfg, args, torch.device('cpu', 0))
    assert rows['float32, CPU'] == right
    assert rows['float32, cpu']['norms_median'] > 100 * right['norms_median']


def test_scaled_losses_and_their_gradients(tool, cfg):
    """By its own scale a float16 variant has the gradients of the unscaled loss."""
    weights, images = tool.random_weights(cfg), tool.pictures(2, 32)
    plain, half = tool.Variant('float64'), tool.Variant('float64', 'float16')
    assert (plain.scale, half.scale) == (1, 1024)
    reference = tool.step(cfg, weights, images, [0, 1], plain, CPU)
    ours = tool.step(cfg, weights, images, [0, 1], half, CPU)
    assert tool.difference(ours, reference)['norms_median'] < 0.2


def test_tf32_is_switched_and_put_back(tool):
    def switches():
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = switches()
    for name, expected in (('float32', False), ('tf32', True), ('bf16', True)):
        with tool.rounding_as(tool.VARIANTS[name]):
            assert switches() == (expected, expected)
        assert switches() == before


def test_waits_are_counted_with_their_lines(tool, cfg, monkeypatch):
    """What torch does on a GPU in this mode: it warns at each wait."""
    modes = []

    def set_mode(mode):
        modes.append(mode)
        warnings.warn('Synchronization debug mode is a prototype feature', stacklevel=1)

    def backward(self, *args, _backward=torch.Tensor.backward, **kwargs):
        if modes[-1:] == ['warn']:
            warnings.warn('called a synchronizing CUDA operation (Triggered at)', stacklevel=1)
            warnings.warn('something else', stacklevel=1)
        return _backward(self, *args, **kwargs)

    sent = []
    send = LocalizationDataPreprocessor._send_labels
    monkeypatch.setattr(
        LocalizationDataPreprocessor,
        '_send_labels',
        lambda self, samples: (sent.append(samples[0]), send(self, samples)),
    )
    monkeypatch.setattr(torch.Tensor, 'backward', backward)
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda device: None)
    monkeypatch.setattr(torch.cuda, 'set_sync_debug_mode', set_mode)
    args = argparse.Namespace(batch=2, size=32)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        waits = tool.waits_of_step(cfg, cfg.optim_wrapper, args, CPU)
    assert modes == ['warn', 'default']
    assert sent[0] is not sent[1], 'its labels would be on the device already'
    assert len(waits) == 1
    assert waits[0].startswith(f'{__file__}:')
    table = tool.waits_table([dict(name='tiny', waits=dict(recipe=waits * 2, fp16=[]))])
    assert table[1:] == [['tiny', 'recipe', '2', waits[0]], ['tiny', 'fp16', '0', '']]


def test_waits_of_mixed_precision_are_counted_too(tool, cfg, monkeypatch):
    """A recipe in float32 says nothing of the loss's scaling."""
    steps = []
    monkeypatch.setattr(tool, 'waits_of_step', lambda cfg, wrapper, *_: steps.append(wrapper) or [])
    cfg.optim_wrapper.clip_grad = dict(max_norm=1)
    waits = tool.waits_of_trainings(cfg, None, CPU)
    assert list(waits) == ['recipe', 'bf16+fused', 'fp16+fused', 'fp16']
    recipe, *mixed = steps
    assert recipe == cfg.optim_wrapper
    assert 'fused' not in recipe.optimizer
    for wrapper, dtype, fused in zip(
        mixed, ('bfloat16', 'float16', 'float16'), (True, True, False)
    ):
        assert (wrapper['type'], wrapper['dtype']) == ('AmpOptimWrapper', dtype)
        assert wrapper['optimizer'] == dict(recipe.optimizer, fused=fused)
        assert wrapper['loss_scale'].get('enabled', True) is (dtype == 'float16')
        assert wrapper['clip_grad'] == dict(max_norm=1)


@pytest.fixture
def alone(monkeypatch):
    """What our norms ask of torch.distributed is answered as in a job of one process."""
    monkeypatch.setattr(dist, 'get_world_size', lambda: 1)
    monkeypatch.setattr(dist, 'all_gather_into_tensor', lambda every, own: every.copy_(own))
    monkeypatch.setattr(dist, 'all_reduce', lambda tensor: None)


def test_a_mistake_of_the_norms_is_seen(tool, alone, monkeypatch):
    row = tool.norm_differences(CPU)['float64, cpu']
    assert max(row.values()) < 1e-14
    ours = synchronised_norm._along_channels
    # The two sums of the backward pass.
    monkeypatch.setattr(synchronised_norm, '_along_channels', lambda v, x: 1.1 * ours(v, x))
    row = tool.norm_differences(CPU)['float64, cpu']
    assert row['x'] > 1e-3


@pytest.mark.parametrize('part', ['mean', 'variance'])
def test_a_mistake_of_the_running_statistics_is_seen(tool, alone, monkeypatch, part):
    pooled = synchronised_norm.pooled_moments

    def off(*moments):
        mean, variance, count = pooled(*moments)
        return (1.1 * mean, variance, count) if part == 'mean' else (mean, variance, count / 2)

    monkeypatch.setattr(synchronised_norm, 'pooled_moments', off)
    assert tool.norm_differences(CPU)['float64, cpu'][part] > 1e-5


def test_the_norms_kernels_are_called_in_both_layouts(tool, alone):
    """As a GPU has them, in all types: their stand-ins look at what they are given."""
    with kernels_on_cpus():
        rows = tool.norm_differences(CPU)
    assert max(rows['float64, cpu'].values()) < 1e-13
    assert rows['float32, channels_last, cpu'] == pytest.approx(rows['float32, cpu'], abs=1e-6)
    assert max(rows['float32, channels_last, cpu'].values()) < 1e-5


def test_figures_are_kept_where_the_norms_fail(tool, project, tmp_path, monkeypatch):
    out = tmp_path / 'figures.json'
    partial = out.with_name('figures.partial.json')
    earlier = []

    def fails(device):
        # What is left where the job never ends, and the tool is stopped.
        earlier.append(json.loads(partial.read_text()))
        raise RuntimeError('NCCL error')

    monkeypatch.setattr(tool, 'check_norms', fails)
    options = '--batch', '2', '--size', '32', '--variants', 'float32', '--device', 'cpu'
    with pytest.raises(RuntimeError, match='NCCL error'):
        tool.main(['--configs', str(project.config), *options, '--out', str(out)])
    content = json.loads(out.read_text())
    assert content['norms'] is None
    assert list(content['networks'][0]['rows']) == ['float32, CPU', 'float32, cpu']
    assert earlier == [content]
    assert not partial.exists()


def test_what_json_has_no_number_for(tool):
    rows = dict(a=[1.5, float('nan')], b=dict(c=float('-inf'), d='text', e=3))
    assert tool.finite(rows) == dict(a=[1.5, 'nan'], b=dict(c='-inf', d='text', e=3))


def test_a_config_that_is_none_of_bas(project, repo_dir):
    config = repo_dir / 'configs/cam/cam_resnet50_cub.py'
    done = project.run_here(TOOL, '--configs', config, '--device', 'cpu', check=False)
    assert done.returncode == 2
    assert 'is none of BAS: its model has no generator' in done.stderr.splitlines()[-1]
