"""Published DeepLabv2 names, on weights that are made here: no published file is needed."""

from argparse import Namespace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from modules import load_module, status_of
from published_files import (
    blocks_name,
    caffe_blob,
    caffe_layer,
    caffe_message,
    caffe_name,
    torchvision_name,
    write_caffemodel,
)

from bas_mm.models.weights.caffemodel import caffe_weights, read_caffemodel
from bas_mm.registry import MODELS
from bas_mm.version import __version__

CLASSES = 5
# A ResNet101 of a sixteenth of the width.
CONFIG = """
_base_ = {base!r}
model = dict(
    backbone=dict(stem_channels=4, base_channels=4), decode_head=dict(in_channels=128))
"""


@pytest.fixture(scope='module')
def converter(repo_dir: Path) -> ModuleType:
    script = repo_dir / 'tools/model_converters/deeplabv2_to_bas_mm.py'
    return load_module(script)


@pytest.fixture(scope='module')
def config(repo_dir: Path, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('config') / 'narrow.py'
    base = repo_dir / 'configs/deeplabv2/deeplabv2_r101-caffe_voc12aug-321x321_20k.py'
    path.write_text(CONFIG.format(base=base.as_posix()))
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


def caffe_coco_name(name: str) -> str:
    return caffe_name(name).replace('_voc12_', '_coco_')


def check(converter, config, ours, source: Path, *options: str) -> None:
    target = source.parent / 'out' / 'ours.pth'
    assert (
        status_of(converter.main, [str(source), str(target), '--config', str(config), *options])
        == 0
    )
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
        (caffe_coco_name, 'scale.', 'scale.fc1_coco_c3.bias'),
    ],
)
def test_every_family_loads_strictly(converter, config, ours, tmp_path, rename, prefix, example):
    published = {prefix + rename(name): value for name, value in ours.items()}
    assert len(published) == len(ours)
    assert example in published
    torch.save(dict(state_dict=published, iter=3), tmp_path / 'published.pth')
    check(converter, config, ours, tmp_path / 'published.pth')


def test_caffe_file_loads_strictly(converter, config, ours, tmp_path):
    weights = {caffe_name(name): value.numpy() for name, value in ours.items()}
    write_caffemodel(tmp_path / 'train_iter_20000.caffemodel', weights)
    check(converter, config, ours, tmp_path / 'train_iter_20000.caffemodel')


def test_blobs_of_old_and_new_files():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    data = caffe_layer('old', 'Convolution', caffe_blob(values, legacy=True))
    data += caffe_layer('new', 'Convolution', caffe_blob(values))
    double = caffe_message(8, values.astype('<f8').tobytes())
    data += caffe_layer('double', 'Convolution', caffe_message(7, double))
    layers = read_caffemodel(data)
    np.testing.assert_array_equal(layers['double'][1][0], values.ravel())
    assert layers['double'][1][0].dtype == np.float32
    assert layers['old'][1][0].shape == (1, 1, 2, 3)
    np.testing.assert_array_equal(layers['old'][1][0][0, 0], values)
    np.testing.assert_array_equal(layers['new'][1][0], values)
    # Vectors of old files have four dimensions.
    bias = caffe_layer('old', 'Convolution', *[caffe_blob(np.ones(3), legacy=True)] * 2)
    assert caffe_weights(read_caffemodel(bias))['old.bias'].shape == (3,)
    # Those that they lack are 1.
    few = bytes([1 << 3, 2, 2 << 3, 3]) + caffe_message(5, values.tobytes())
    few = read_caffemodel(caffe_layer('few', 'Convolution', caffe_message(7, few)))
    assert few['few'][1][0].shape == (2, 3, 1, 1)
    # Dimensions one by one, fields of no interest of all kinds, and a blob of nothing.
    dims = caffe_message(7, bytes([8, 2, 8, 3])) + caffe_message(5, values.tobytes())
    data = bytes([9 << 3 | 1, *range(8), 11 << 3 | 5, *range(4), 12 << 3, 1])
    data += caffe_layer('dims', 'Convolution', caffe_message(7, dims), caffe_message(7, b''))
    matrix, nothing = read_caffemodel(data)['dims'][1]
    np.testing.assert_array_equal(matrix, values)
    assert nothing.shape == (0,)
    # Statistics that were divided already.
    plain = caffe_weights({'bn': ('BatchNorm', [np.full(3, 2.0), np.full(3, 5.0)])})
    assert (plain['bn.running_mean'] == 2).all()
    assert (plain['bn.running_var'] == 5).all()
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

    assert status_of(converter.main, command) == 2
    error = capsys.readouterr().err
    assert 'fc.weight' in error
    assert 'layer3.23.conv1.weight' in error
    assert 'backbone.layer4.0.bn2.running_mean' in error
    assert 'layer5.conv2d_list.1.bias (9,) in the file, decode_head.convs.1.bias (5,)' in error
    assert '--allow-unplaced --allow-missing' in error
    for option in ('--allow-unplaced', '--allow-missing'):
        assert status_of(converter.main, [*command, option]) == 2
    # Another shape is as good as none.
    name = 'layer4.0.bn2.running_mean'
    torch.save({**published, f'Scale.{name}': ours[f'backbone.{name}']}, source)
    assert status_of(converter.main, [*command, '--allow-unplaced']) == 2
    assert not target.exists()
    assert status_of(converter.main, [*command, '--allow-unplaced', '--allow-missing']) == 0
    written = torch.load(target)['state_dict']
    assert 'decode_head.convs.1.bias' not in written
    assert torch.equal(written['backbone.conv1.weight'], ours['backbone.conv1.weight'])


def test_unusable_files_are_named(converter, tmp_path, capsys):
    def error_of(name: str, content: bytes | None = None, *options: str) -> str:
        source = tmp_path / name
        if content is not None:
            source.write_bytes(content)
        assert status_of(converter.main, [str(source), str(tmp_path / 'dst.pth'), *options]) == 2
        return capsys.readouterr().err

    whole = caffe_layer('conv1', 'Convolution', caffe_blob(np.ones((2, 3))))
    assert 'gone.caffemodel: no such file' in error_of('gone.caffemodel')
    assert 'a.caffemodel: not a whole' in error_of('a.caffemodel', whole[:-3])
    broken = (
        caffe_message(100, caffe_message(1, b'\xff')),  # the name is no UTF-8
        bytes([1 << 3 | 3]),  # a group
        caffe_layer('conv1', 'Convolution', caffe_blob(np.ones((2, 3)))[:-6]),
        # Fewer numbers than the shape says.
        caffe_layer(
            'conv1',
            'Convolution',
            caffe_message(7, caffe_message(7, bytes([8, 2])) + caffe_message(5, bytes(4))),
        ),
    )
    for content in broken:
        assert 'a.caffemodel: not a whole .caffemodel file' in error_of('a.caffemodel', content)
    assert 'b.caffemodel: no layers with weights' in error_of('b.caffemodel', b'')
    assert 'upgrade_net_proto_binary' in error_of('c.caffemodel', caffe_message(2, whole))
    assert 'd.pth: not readable' in error_of('d.pth', b'')
    torch.save({'blocks.0.weight': torch.ones(2)}, tmp_path / 'e.pth')
    assert 'e.pth: none of its names is known' in error_of('e.pth')
    assert 'it has blocks.0.weight …' in error_of('e.pth')
    torch.save({'blocks.0.weight': torch.ones(2), 'args': Namespace(lr=1)}, tmp_path / 'f.pth')
    assert '--trust-source' in error_of('f.pth')
    assert 'f.pth: none of its names is known' in error_of('f.pth', None, '--trust-source')
    assert 'none.py: no such config' in error_of('e.pth', None, '--config', 'none.py')


def test_a_backbone_alone_and_what_is_said(converter, config, ours, tmp_path, capsys):
    """Counters of batches are kept, and the file says where it is from."""
    published = {
        torchvision_name(name): value
        for name, value in ours.items()
        if not name.startswith('decode_head')
    }
    published['bn1.num_batches_tracked'] = torch.tensor(7)
    source, target = tmp_path / 'src.pth', tmp_path / 'dst.pth'
    torch.save(published, source)
    options = ['--config', str(config), '--allow-missing']
    assert status_of(converter.main, [str(source), str(tmp_path), *options]) == 2
    assert capsys.readouterr().err.endswith(f'error: DST {tmp_path} is a folder\n')
    assert status_of(converter.main, [str(source), str(target), *options]) == 0
    said = capsys.readouterr()
    expected = f'{source} (DeepLabv2):\n8 in the model, without a weight in the file:\n'
    assert said.err.startswith(expected)
    written = torch.load(target)
    state = written['state_dict']
    assert said.out == f'{target}: {len(state)} weights of DeepLabv2 from {source}\n'
    assert state['backbone.bn1.num_batches_tracked'] == 7
    assert state['backbone.layer1.0.bn1.num_batches_tracked'] == 0
    assert written['meta'] == dict(bas_mm_version=__version__, converted_from='src.pth')
