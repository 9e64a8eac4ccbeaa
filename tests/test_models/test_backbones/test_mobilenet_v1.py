import pytest
import torch
import torch.nn.functional as F

from bas_mm.models.backbones import MobileNetV1
from bas_mm.registry import MODELS

# wsol.md, "Networks": output channels and stride of each block after the stem.
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 1), (512, 1), (512, 1), (512, 1)]
BLOCKS += [(512, 1), (512, 1), (1024, 2), (1024, 1)]


def by_hand(state: dict, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The network from its description, on the state dict alone."""

    def conv_bn_relu(x: torch.Tensor, name: str, **options) -> torch.Tensor:
        bn = [state[f'{name}.bn.{k}'] for k in ('running_mean', 'running_var', 'weight', 'bias')]
        x = F.conv2d(x, state[f'{name}.conv.weight'], **options)
        return F.relu(F.batch_norm(x, *bn, training=False, eps=1e-5))

    outputs = {'stem': conv_bn_relu(x, 'stem', stride=2, padding=1)}
    x = outputs['stem']
    for number, (channels, stride) in enumerate(BLOCKS, start=1):
        name = f'block{number}'
        x = conv_bn_relu(x, f'{name}.depthwise_conv', stride=stride, padding=1, groups=x.shape[1])
        x = conv_bn_relu(x, f'{name}.pointwise_conv')
        assert x.shape[1] == channels
        outputs[name] = x
    return outputs


@pytest.fixture
def backbone(randomize) -> MobileNetV1:
    model = MODELS.build(dict(type='MobileNetV1')).double().eval()
    randomize(model)
    return model


def test_equals_its_description_at_every_stage(backbone):
    x = torch.rand(2, 3, 75, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = by_hand(backbone.state_dict(), x)
    assert list(backbone.stages()) == list(expected)
    with torch.no_grad():
        torch.testing.assert_close(backbone(x)[0], expected['block13'], rtol=1e-10, atol=1e-10)
        for point, names in backbone.stages().items():
            for name in names:
                x = backbone.get_submodule(name)(x)
            torch.testing.assert_close(x, expected[point], rtol=1e-10, atol=1e-10)
    assert expected['block13'].abs().mean() > 0.01


def test_state_dict_holds_nothing_the_description_does_not_use(backbone):
    # 27 convolutions, each with a weight and a batch norm of five entries.
    assert len(backbone.state_dict()) == 27 * 6


def test_sizes_for_224():
    model = MobileNetV1().eval()
    x = torch.rand(1, 3, 224, 224)
    sizes = {}
    with torch.no_grad():
        for point, names in model.stages().items():
            for name in names:
                x = model.get_submodule(name)(x)
            sizes[point] = tuple(x.shape[1:])
    assert sizes['block11'] == (512, 28, 28)
    assert sizes['block13'] == (1024, 14, 14)


def test_tail_leaves_the_feature_map_unchanged(backbone):
    """Block 12 must not write into F: F is used again, masked, after the first pass."""
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    for name in [f'block{i}' for i in range(1, 12)]:
        x = backbone.get_submodule(name)(x if name != 'block1' else backbone.stem(x))
    before = x.detach().clone()
    backbone.block13(backbone.block12(x)).sum().backward()
    assert torch.equal(x, before)


def test_imagenet_strides_give_a_32nd():
    model = MobileNetV1(widen_factor=0.25, strides=(1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1))
    assert model(torch.rand(2, 3, 64, 96))[0].shape == (2, 256, 2, 3)
    assert model.out_channels == 256


def test_frozen_stages_and_norm_eval():
    model = MobileNetV1(widen_factor=0.25, frozen_stages=3, norm_eval=True)
    frozen = {name.split('.')[0] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {'stem', 'block1', 'block2'}
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items() if 'running' in k}
    model(torch.rand(2, 3, 32, 32))
    assert all(torch.equal(model.state_dict()[k], v) for k, v in before.items())
    assert model.block13.training
    assert model.block13.pointwise_conv.conv.weight.requires_grad
    model = MobileNetV1(widen_factor=0.25, frozen_stages=3)
    model.train()
    assert not any(module.training for module in model.block2.modules())
    assert all(module.training for module in model.block3.modules())


def test_norm_layer_is_configurable():
    model = MobileNetV1(widen_factor=0.25, norm_cfg=dict(type='SyncBN'))
    norms = [m for m in model.modules() if 'BatchNorm' in type(m).__name__]
    assert len(norms) == 27
    assert all(isinstance(m, torch.nn.SyncBatchNorm) for m in norms)


def test_own_initialization_keeps_the_signal_alive():
    torch.manual_seed(0)
    model = MobileNetV1()
    model.init_weights()
    out = model(torch.rand(4, 3, 64, 64))[0]
    assert torch.isfinite(out).all()
    assert 0.05 < out.mean() < 5


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(strides=(1, 2)), 'strides must have 13 entries'),
        (dict(frozen_stages=15), 'frozen_stages must be 0 to 14'),
        (dict(widen_factor=0), 'widen_factor must be above 0'),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        MobileNetV1(**options)


def test_norms_are_the_recipes():
    norms = [m for m in MobileNetV1().modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}
