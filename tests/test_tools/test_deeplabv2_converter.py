"""Published DeepLabv2 names, on weights that are made here: no published file is needed."""

import importlib.util
import re
import struct
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint

from bas_mm.models.weights.caffemodel import caffe_weights, read_caffemodel
from bas_mm.registry import MODELS

CLASSES = 5
# A ResNet101 of a sixteenth of the width.
CONFIG = """
_base_ = '{root}/configs/deeplabv2/deeplabv2_r101-caffe_voc12aug-321x321_20k.py'
model = dict(
    backbone=dict(stem_channels=4, base_channels=4), decode_head=dict(in_channels=128))
"""


@pytest.fixture(scope='module')
def converter(repo_dir: Path) -> ModuleType:
    script = repo_dir / 'tools/model_converters/deeplabv2_to_bas_mm.py'
    spec = importlib.util.spec_from_file_location('deeplabv2_to_bas_mm', script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def config(repo_dir: Path, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('config') / 'narrow.py'
    path.write_text(CONFIG.format(root=repo_dir.as_posix()))
    return path


def our_model(config: Path) -> torch.nn.Module:
    cfg = Config.fromfile(config).model
    cfg.decode_head.num_classes = CLASSES
    return MODELS.build(cfg)


@pytest.fixture(scope='module')
def ours(config: Path) -> dict[str, torch.Tensor]:
    """Our names -> weights, each with values of its own."""
    with DefaultScope.overwrite_default_scope('bas_mm'):  # tests have it, fixtures of modules not
        state = our_model(config).state_dict()
    return {
        name: torch.arange(value.numel(), dtype=torch.float32).reshape(value.shape) + 1000 * i
        for i, (name, value) in enumerate(state.items(), start=1)
        if not name.endswith('num_batches_tracked')
    }


def torchvision_name(name: str) -> str:
    name = re.sub(r'^decode_head\.convs', 'layer5.conv2d_list', name)
    return name.removeprefix('backbone.')


def blocks_name(name: str) -> str:
    name = re.sub(r'^decode_head\.convs\.', 'aspp.c', name)
    name = re.sub(r'^backbone\.(conv|bn)1\.', r'layer1.conv1.\1.', name)
    if match := re.match(r'backbone\.layer(\d)\.(\d+)\.(.*)\.(\w+)$', name):
        stage, block, layer, kind = match.groups()
        part = {'1': 'reduce', '2': 'conv3x3', '3': 'increase'}.get(layer[-1])
        if layer.startswith('downsample'):
            part = 'shortcut'
            layer = 'conv' if layer.endswith('0') else 'bn'
        name = (
            f'layer{int(stage) + 1}.block{int(block) + 1}.{part}.'
            f'{"conv" if layer.startswith("conv") else "bn"}.{kind}'
        )
    return name


def caffe_name(name: str) -> str:
    name = re.sub(r'^decode_head\.convs\.', 'fc1_voc12_c', name)
    running = name.rsplit('.', 1)[1].startswith('running')
    norm = 'bn' if running else 'scale'
    name = re.sub(r'^backbone\.conv1\.', 'conv1.', name)
    name = re.sub(r'^backbone\.bn1\.', f'{norm}_conv1.', name)
    if match := re.match(r'backbone\.layer(\d)\.(\d+)\.(.*)\.(\w+)$', name):
        stage, block, layer, kind = int(match[1]) + 1, int(match[2]), match[3], match[4]
        letter = 'abc'[block] if stage in (2, 5) else f'b{block}' if block else 'a'
        if layer.startswith('downsample'):
            branch, is_norm = '1', layer.endswith('1')
        else:
            branch, is_norm = '2' + 'abc'[int(layer[-1]) - 1], layer.startswith('bn')
        name = f'{norm if is_norm else "res"}{stage}{letter}_branch{branch}.{kind}'
    return name


def check(converter, config, ours, source: Path, *options: str) -> None:
    target = source.parent / 'out' / 'ours.pth'
    assert converter.main([str(source), str(target), '--config', str(config), *options]) == 0
    model = our_model(config)
    load_checkpoint(model, str(target), strict=True)
    state = model.state_dict()
    for name, value in ours.items():
        torch.testing.assert_close(state[name], value, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ('rename', 'prefix', 'example'),
    [
        (torchvision_name, 'Scale.', 'Scale.layer5.conv2d_list.3.weight'),
        (torchvision_name, '', 'layer3.22.conv2.weight'),
        (blocks_name, 'module.base.', 'module.base.layer4.block23.conv3x3.bn.running_var'),
        (blocks_name, '', 'layer2.block1.shortcut.conv.weight'),
        (caffe_name, '', 'scale4b22_branch2c.bias'),
    ],
)
def test_every_family_loads_strictly(converter, config, ours, tmp_path, rename, prefix, example):
    published = {prefix + rename(name): value for name, value in ours.items()}
    assert len(published) == len(ours)
    assert example in published
    torch.save(dict(state_dict=published, iter=3), tmp_path / 'published.pth')
    check(converter, config, ours, tmp_path / 'published.pth')


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _blob(values: np.ndarray, legacy: bool = False) -> bytes:
    values = np.asarray(values, dtype='<f4')
    if legacy:
        shape = (1,) * (4 - values.ndim) + values.shape
        sizes = b''.join(_varint(i << 3) + _varint(n) for i, n in enumerate(shape, start=1))
        numbers = b''.join(
            _varint(5 << 3 | 5) + struct.pack('<f', value) for value in values.ravel()
        )
        return _message(7, sizes + numbers)
    dims = _message(1, b''.join(map(_varint, values.shape)))
    return _message(7, _message(7, dims) + _message(5, values.tobytes()))


def _layer(name: str, kind: str, *blobs: bytes) -> bytes:
    bottom = _message(3, b'data')
    return _message(
        100, _message(1, name.encode()) + _message(2, kind.encode()) + bottom + b''.join(blobs)
    )


def write_caffemodel(path: Path, weights: dict[str, np.ndarray]) -> None:
    """A net as Caffe saves it: statistics as sums over 8 moments, the head once more at 0.75."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, value in weights.items():
        layer, kind = name.rsplit('.', 1)
        layers.setdefault(layer, {})[kind] = value
    content = _message(1, b'net') + _layer('relu1', 'ReLU')
    for layer, values in layers.items():
        if 'running_mean' in values:
            blobs = [_blob(8 * values[f'running_{kind}']) for kind in ('mean', 'var')]
            content += _layer(layer, 'BatchNorm', *blobs, _blob(np.array([8.0])))
        elif layer.startswith('scale'):
            content += _layer(layer, 'Scale', _blob(values['weight']), _blob(values['bias']))
        else:
            blobs = [_blob(values[kind]) for kind in ('weight', 'bias') if kind in values]
            content += _layer(layer, 'Convolution', *blobs)
            content += _layer(f'{layer}_res075', 'Convolution', *blobs)
    path.write_bytes(content)


def test_caffe_file_loads_strictly(converter, config, ours, tmp_path):
    weights = {caffe_name(name): value.numpy() for name, value in ours.items()}
    write_caffemodel(tmp_path / 'train_iter_20000.caffemodel', weights)
    check(converter, config, ours, tmp_path / 'train_iter_20000.caffemodel')


def test_blobs_of_old_and_new_files():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = _layer('old', 'Convolution', _blob(values, legacy=True))
    data += _layer('new', 'Convolution', _blob(values))
    layers = read_caffemodel(data)
    assert layers['old'][1][0].shape == (1, 1, 2, 3)
    np.testing.assert_array_equal(layers['old'][1][0][0, 0], values)
    np.testing.assert_array_equal(layers['new'][1][0], values)
    # A batch norm that has seen nothing: Caffe takes its statistics as 0.
    zero = [np.ones(3), np.ones(3), np.zeros(1)]
    assert not caffe_weights({'bn': ('BatchNorm', zero)})['bn.running_mean'].any()


def test_what_does_not_fit_is_listed_and_nothing_written(converter, config, ours, tmp_path, capsys):
    published = {f'Scale.{torchvision_name(name)}': value for name, value in ours.items()}
    published['Scale.fc.weight'] = torch.ones(2)
    published['Scale.layer3.23.conv1.weight'] = torch.ones(2)
    del published['Scale.layer4.0.bn2.running_mean']
    published['Scale.layer5.conv2d_list.1.bias'] = torch.ones(9)
    source, target = tmp_path / 'src.pth', tmp_path / 'dst.pth'
    torch.save(published, source)
    command = [str(source), str(target), '--config', str(config)]

    assert converter.main(command) == 1
    error = capsys.readouterr().err
    assert 'fc.weight' in error
    assert 'layer3.23.conv1.weight' in error
    assert 'backbone.layer4.0.bn2.running_mean' in error
    assert 'layer5.conv2d_list.1.bias (9,) in the file, decode_head.convs.1.bias (5,)' in error
    assert '--allow-unplaced --allow-missing' in error
    assert not target.exists()
    assert converter.main([*command, '--allow-unplaced', '--allow-missing']) == 0
    written = torch.load(target)['state_dict']
    assert 'decode_head.convs.1.bias' not in written
    assert torch.equal(written['backbone.conv1.weight'], ours['backbone.conv1.weight'])


def test_unusable_files_are_named(converter, tmp_path, capsys):
    def error_of(name: str, content: bytes | None = None) -> str:
        source = tmp_path / name
        if content is not None:
            source.write_bytes(content)
        assert converter.main([str(source), str(tmp_path / 'dst.pth')]) == 1
        return capsys.readouterr().err

    whole = _layer('conv1', 'Convolution', _blob(np.ones((2, 3))))
    assert 'gone.caffemodel: no such file' in error_of('gone.caffemodel')
    assert 'a.caffemodel: not a whole' in error_of('a.caffemodel', whole[:-3])
    assert 'b.caffemodel: no layers with weights' in error_of('b.caffemodel', b'')
    assert 'upgrade_net_proto_binary' in error_of('c.caffemodel', _message(2, whole))
    assert 'd.pth: not readable' in error_of('d.pth', b'')
    torch.save({'blocks.0.weight': torch.ones(2)}, tmp_path / 'e.pth')
    assert 'e.pth: none of its names is known' in error_of('e.pth')
