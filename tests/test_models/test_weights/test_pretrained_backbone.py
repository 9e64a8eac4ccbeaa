import json
import logging
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader

from bas_mm.models.weights import pretrained_backbone
from bas_mm.registry import MODELS, WEIGHT_INITIALIZERS


def build(backbone: dict, checkpoint: Path | str, **options) -> torch.nn.Module:
    init_cfg = dict(type='PretrainedBackbone', checkpoint=str(checkpoint), **options)
    model = MODELS.build(dict(**backbone, init_cfg=init_cfg))
    model.init_weights()
    model.eval()  # mmpretrain's backbones return None
    return model


def torchvision_features(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The last feature map of a torchvision network, as its own forward makes it."""
    if hasattr(model, 'features'):
        return model.features(x)
    seen = []
    handle = model.layer4.register_forward_hook(lambda module, args, output: seen.append(output))
    model(x)
    handle.remove()
    return seen[0]


RESNET50 = dict(type='mmpretrain.ResNet', depth=50)
CASES = {
    'vgg16': dict(type='mmpretrain.VGG', depth=16),
    'vgg16_bn': dict(type='mmpretrain.VGG', depth=16, norm_cfg=dict(type='BN')),
    'resnet18': dict(type='mmpretrain.ResNet', depth=18),
    'resnet50': RESNET50,
    'resnext50_32x4d': dict(type='mmpretrain.ResNeXt', depth=50, groups=32, width_per_group=4),
    'mobilenet_v2': dict(type='mmpretrain.MobileNetV2'),
}


@pytest.mark.parametrize('name', CASES)
def test_torchvision_weights_give_torchvisions_features(name, tmp_path, randomize):
    source = getattr(torchvision.models, name)(weights=None)
    # The classifiers are not needed, and VGG's would be half a gigabyte on disk.
    if hasattr(source, 'classifier'):
        source.classifier = torch.nn.Identity()
    source = source.eval()
    randomize(source)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    model = build(CASES[name], tmp_path / 'weights.pth')
    x = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3)) - 0.5
    with torch.no_grad():
        expected = torchvision_features(source, x)
        torch.testing.assert_close(model(x)[-1], expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 1e-2


def test_inception_takes_torchvisions_weights(tmp_path, randomize):
    source = torchvision.models.inception_v3(weights=None, init_weights=False)
    randomize(source)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    model = build(dict(type='BASInceptionV3'), tmp_path / 'weights.pth')
    # That network differs in strides, so its weights are compared, not its output.
    for name, value in model.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name


@pytest.mark.parametrize('whole', [True, False])
@pytest.mark.parametrize(
    'backbone',
    [
        dict(type='mmpretrain.ResNet', depth=18),
        dict(type='mmpretrain.EfficientNet', arch='b0'),
        dict(type='mmpretrain.ConvNeXt', arch='atto'),
        dict(type='MobileNetV1', widen_factor=0.25),
    ],
    ids=lambda b: b['type'],
)
def test_openmmlab_checkpoints(backbone, whole, tmp_path, randomize):
    source = MODELS.build(backbone)
    randomize(source)
    state = {('backbone.' if whole else '') + k: v for k, v in source.state_dict().items()}
    if whole:
        state['head.fc.weight'] = torch.ones(3)
    torch.save(dict(state_dict=state, meta=dict(epoch=1)), tmp_path / 'weights.pth')
    model = build(backbone, tmp_path / 'weights.pth')
    for name, value in model.state_dict().items():
        assert torch.equal(value, source.state_dict()[name]), name


def test_published_mobilenet_v1(tmp_path, golden_dir, golden_formula):
    keys = json.loads((golden_dir / 'wsol.json').read_text())['mobilenet']['keys']
    weights = golden_formula.fill({k: v for k, v in keys.items() if k.startswith('model.')})
    weights['fc.weight'] = torch.ones(1000, 1024)
    torch.save({'module.' + k: v for k, v in weights.items()}, tmp_path / 'weights.pth')
    state = build(dict(type='MobileNetV1'), tmp_path / 'weights.pth').state_dict()
    assert torch.equal(state['stem.conv.weight'], weights['model.0.0.weight'])
    assert torch.equal(
        state['block13.pointwise_conv.bn.running_var'], weights['model.13.4.running_var']
    )
    assert torch.equal(state['block1.depthwise_conv.conv.weight'], weights['model.1.0.weight'])


@pytest.mark.parametrize('scope', ['mmengine', 'mmpretrain', 'bas_mm'])
def test_is_found_with_its_scope_from_everywhere(scope, tmp_path, randomize):
    source = torchvision.models.resnet18(weights=None)
    randomize(source)
    torch.save(source.state_dict(), tmp_path / 'weights.pth')
    init_cfg = dict(type='bas_mm.PretrainedBackbone', checkpoint=str(tmp_path / 'weights.pth'))
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(dict(type='mmpretrain.ResNet', depth=18, init_cfg=init_cfg))
        model.init_weights()
    assert torch.equal(model.conv1.weight, source.conv1.weight)
    # ResNet's own initialization would have set it to zero afterwards.
    assert torch.equal(model.layer1[0].bn2.weight, source.layer1[0].bn2.weight)


def test_nothing_fits(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save({'blocks.0.weight': torch.ones(2)}, path)
    with pytest.raises(ValueError, match=r'weights\.pth: nothing in it fits .* ResNet') as info:
        build(RESNET50, path)
    assert 'blocks.0.weight' in str(info.value)
    # Of all that the backbone lacks a few.
    assert len(str(info.value).splitlines()) == 1 + 2 + 1 + 5 + 1


def test_an_incomplete_file_is_refused_unless_allowed(tmp_path, randomize):
    backbone = dict(type='MobileNetV1', widen_factor=0.25)
    source = MODELS.build(backbone)
    randomize(source)
    state = source.state_dict()
    del state['block3.pointwise_conv.conv.weight']
    state = {k: v for k, v in state.items() if not k.endswith('num_batches_tracked')}
    path = tmp_path / 'weights.pth'
    torch.save(state, path)
    with pytest.raises(ValueError, match=r'weights\.pth: does not hold all') as info:
        build(backbone, path)
    assert 'block3.pointwise_conv.conv.weight' in str(info.value)
    assert 'num_batches_tracked' not in str(info.value)

    model = build(backbone, path, strict=False)
    loaded = {k for k, v in model.state_dict().items() if k in state and torch.equal(v, state[k])}
    assert loaded == set(state)


def test_shapes_are_compared(tmp_path):
    path = tmp_path / 'weights.pth'
    torch.save(MODELS.build(dict(type='MobileNetV1', widen_factor=0.25)).state_dict(), path)
    with pytest.raises(ValueError, match=r'of different shape:\n  stem') as info:
        build(dict(type='MobileNetV1', widen_factor=0.25, in_channels=1), path)
    assert '(8, 3, 3, 3) in the file' in str(info.value)


def test_a_missing_file_tells_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'absent\.pth.*init_cfg\.checkpoint=PATH'):
        build(RESNET50, tmp_path / 'absent.pth')


@pytest.mark.parametrize('error', [URLError, ConnectionResetError, TimeoutError])
def test_no_network_tells_what_to_do(monkeypatch, error):
    def refuse(filename, map_location=None):
        raise error('no route')

    monkeypatch.setitem(CheckpointLoader._schemes, 'torchvision://', refuse)
    with pytest.raises(RuntimeError, match=r'torchvision://resnet50.*no route.*checkpoint=PATH'):
        build(RESNET50, 'torchvision://resnet50')


@pytest.mark.parametrize(
    ('file', 'error'), [('torchvision://resnet50', EOFError), ('weights.pth', KeyError)]
)
def test_only_a_name_can_be_unknown(monkeypatch, file, error):
    """Not a name whose file is broken, nor a file."""

    def fail(filename, map_location=None):
        raise error('a')

    monkeypatch.setitem(CheckpointLoader._schemes, '', fail)
    monkeypatch.setitem(CheckpointLoader._schemes, 'torchvision://', fail)
    message = f'{file}: not readable as a file of weights .{error.__name__}: '
    with pytest.raises(RuntimeError, match=message):
        build(RESNET50, file)


def test_where_weights_are_read_to(tmp_path, monkeypatch):
    seen, load = [], CheckpointLoader.load_checkpoint

    def note(filename, map_location, logger):
        seen.append(map_location)
        return load(filename, map_location=map_location, logger=logger)

    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', note)
    backbone = dict(type='MobileNetV1', widen_factor=0.25)
    torch.save(MODELS.build(backbone).state_dict(), tmp_path / 'weights.pth')
    build(backbone, tmp_path / 'weights.pth')
    build(backbone, tmp_path / 'weights.pth', map_location=torch.device('cpu'))
    assert seen == ['cpu', torch.device('cpu')]


def test_what_is_left_out_is_logged(tmp_path, monkeypatch):
    """What the backbone lacks is a warning, what it does not need is none."""
    said = []
    monkeypatch.setattr(
        pretrained_backbone,
        'print_log',
        lambda text, logger, level=logging.INFO: said.append((level, text)),
    )
    backbone = dict(type='MobileNetV1', widen_factor=0.25)
    state = MODELS.build(backbone).state_dict()
    path = tmp_path / 'weights.pth'
    torch.save({**state, **{f'fc{i}': torch.ones(1) for i in range(30)}}, path)
    build(backbone, path)
    assert said[0] == (
        logging.INFO,
        f'MobileNetV1: {len(state)} weights from {path} (names: mmpretrain)',
    )
    level, text = said[1]
    assert level == logging.INFO
    assert text.startswith(f'{path}:\n30 in the file, without a place in the model:\n  fc0\n')
    assert text.endswith('  fc19\n  … and 10 more')
    said.clear()
    lost = [name for name in state if 'pointwise_conv.conv' in name]
    torch.save({k: v for k, v in state.items() if k not in lost}, path)
    build(backbone, path, strict=False)
    assert said[1][0] == logging.WARNING
    said.clear()
    torch.save(state, path)
    build(backbone, path)
    assert len(said) == 1
    torch.save({k: v for k, v in state.items() if k not in lost}, path)
    with pytest.raises(ValueError, match='strict=False in init_cfg') as info:
        build(backbone, path)
    assert str(info.value).endswith(f'  … and {len(lost) - 10} more')


def test_an_unknown_name_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(RuntimeError, match=r'torchvision://resnet51: no pretrained weights known'):
        build(RESNET50, 'torchvision://resnet51')
    path = tmp_path / 'weights.pth'
    path.write_bytes(b'not a checkpoint')
    with pytest.raises(RuntimeError, match=r'weights\.pth: not readable .*\(UnpicklingError: '):
        build(RESNET50, path)
    torch.save(dict(epoch=3), path)
    with pytest.raises(ValueError, match=r'weights\.pth: no named tensors'):
        build(RESNET50, path)


def test_the_log_of_a_run_says_where_each_weight_is_from(tmp_path):
    backbone, path = dict(type='MobileNetV1', widen_factor=0.25), tmp_path / 'weights.pth'
    torch.save(MODELS.build(backbone).state_dict(), path)
    log = tmp_path / 'run.log'
    logger = MMLogger.get_instance(f'weights-{tmp_path.name}', log_file=str(log))
    try:
        build(backbone, path)
    finally:
        for handler in list(logger.handlers):
            handler.close()
        MMLogger._instance_dict.pop(logger.instance_name)
    said = f'stem.conv.weight - torch.Size([8, 3, 3, 3]): \nPretrainedBackbone: {path} \n'
    assert said in log.read_text()


def test_is_registered_in_our_scope_only():
    assert WEIGHT_INITIALIZERS.get('PretrainedBackbone').__module__.startswith('bas_mm.')
    assert 'PretrainedBackbone' not in WEIGHT_INITIALIZERS.parent.module_dict
