import json

import pytest
import torch
import torch.nn.functional as F

from bas_mm.models.backbones import BASInceptionV3
from bas_mm.registry import MODELS


class ByHand:
    """Inception V3 as the paper and wsol.md describe it, on a state dict alone.

    ``used`` collects the names of the weights that took part.
    """

    def __init__(self, state: dict):
        self.state = state
        self.used = set()

    def conv(self, x: torch.Tensor, name: str, stride: int = 1, padding: int = 0) -> torch.Tensor:
        """Convolution, batch norm with eps 1e-3, ReLU. ``padding=-1`` keeps the size."""
        weight = self.state[f'{name}.conv.weight']
        keys = [f'{name}.bn.{k}' for k in ('running_mean', 'running_var', 'weight', 'bias')]
        self.used |= {f'{name}.conv.weight', f'{name}.bn.num_batches_tracked', *keys}
        if padding == -1:
            padding = tuple(k // 2 for k in weight.shape[2:])
        x = F.conv2d(x, weight, stride=stride, padding=padding)
        return F.relu(F.batch_norm(x, *[self.state[k] for k in keys], training=False, eps=1e-3))

    def chain(self, x: torch.Tensor, block: str, *names: str) -> torch.Tensor:
        for name in names:
            x = self.conv(x, f'{block}.{name}', padding=-1)
        return x

    def pooled(self, x: torch.Tensor, block: str) -> torch.Tensor:
        x = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=True)
        return self.conv(x, f'{block}.branch_pool')

    def type_a(self, x: torch.Tensor, b: str) -> torch.Tensor:
        one = self.chain(x, b, 'branch1x1')
        five = self.chain(x, b, 'branch5x5_1', 'branch5x5_2')
        three = self.chain(x, b, 'branch3x3dbl_1', 'branch3x3dbl_2', 'branch3x3dbl_3')
        return torch.cat([one, five, three, self.pooled(x, b)], 1)

    def type_b(self, x: torch.Tensor, b: str) -> torch.Tensor:
        single = self.conv(x, f'{b}.branch3x3', stride=1, padding=1)
        double = self.chain(x, b, 'branch3x3dbl_1', 'branch3x3dbl_2')
        double = self.conv(double, f'{b}.branch3x3dbl_3', stride=1, padding=1)
        return torch.cat([single, double, F.max_pool2d(x, 3, stride=1, padding=1)], 1)

    def type_c(self, x: torch.Tensor, b: str) -> torch.Tensor:
        one = self.chain(x, b, 'branch1x1')
        seven = self.chain(x, b, *[f'branch7x7_{i}' for i in (1, 2, 3)])
        double = self.chain(x, b, *[f'branch7x7dbl_{i}' for i in (1, 2, 3, 4, 5)])
        return torch.cat([one, seven, double, self.pooled(x, b)], 1)

    def type_d(self, x: torch.Tensor, b: str) -> torch.Tensor:
        three = self.chain(x, b, 'branch3x3_1')
        three = self.conv(three, f'{b}.branch3x3_2', stride=2, padding=1)
        seven = self.chain(x, b, 'branch7x7x3_1', 'branch7x7x3_2', 'branch7x7x3_3')
        seven = self.conv(seven, f'{b}.branch7x7x3_4', stride=2, padding=1)
        pool = F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=False)
        return torch.cat([three, seven, pool], 1)

    def type_e(self, x: torch.Tensor, b: str) -> torch.Tensor:
        one = self.chain(x, b, 'branch1x1')
        three = self.chain(x, b, 'branch3x3_1')
        three = [self.chain(three, b, f'branch3x3_2{k}') for k in 'ab']
        double = self.chain(x, b, 'branch3x3dbl_1', 'branch3x3dbl_2')
        double = [self.chain(double, b, f'branch3x3dbl_3{k}') for k in 'ab']
        return torch.cat([one, *three, *double, self.pooled(x, b)], 1)

    def __call__(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        def pool(x: torch.Tensor) -> torch.Tensor:
            return F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True)

        out = {}
        out['Conv2d_1a_3x3'] = x = self.conv(x, 'Conv2d_1a_3x3', stride=2, padding=1)
        out['Conv2d_2a_3x3'] = x = self.conv(x, 'Conv2d_2a_3x3')
        out['Conv2d_2b_3x3'] = x = self.conv(x, 'Conv2d_2b_3x3', padding=1)
        out['maxpool1'] = x = pool(x)
        out['Conv2d_3b_1x1'] = x = self.conv(x, 'Conv2d_3b_1x1')
        out['Conv2d_4a_3x3'] = x = self.conv(x, 'Conv2d_4a_3x3')
        out['maxpool2'] = x = pool(x)
        kinds = dict(
            zip(['5b', '5c', '5d', '6a', '6b', '6c', '6d', '6e', '7a', '7b', '7c'], 'aaabccccdee')
        )
        for block, kind in kinds.items():
            out[f'Mixed_{block}'] = x = getattr(self, f'type_{kind}')(x, f'Mixed_{block}')
        return out


@pytest.fixture(scope='module')
def backbone(randomize) -> BASInceptionV3:
    model = BASInceptionV3().double().eval()
    randomize(model)
    return model


def test_equals_its_description_at_every_stage(backbone):
    # 80 is to each pool and stride what 224 is (a multiple of 16), at an eighth of the cost; ceil
    # and floor differ for it. The other size is uneven at most of them.
    generator = torch.Generator().manual_seed(1)
    for size in [(80, 80), (75, 93)]:
        x = torch.rand(1, 3, *size, dtype=torch.float64, generator=generator)
        reference = ByHand(backbone.state_dict())
        expected = reference(x)
        assert list(backbone.stages()) == list(expected)
        assert reference.used == set(backbone.state_dict())
        with torch.no_grad():
            output = backbone(x)
            torch.testing.assert_close(output[0], expected['Mixed_7c'], rtol=1e-10, atol=1e-10)
            for point, names in backbone.stages().items():
                for name in names:
                    x = backbone.get_submodule(name)(x)
                torch.testing.assert_close(x, expected[point], rtol=1e-10, atol=1e-10)
    assert expected['Mixed_7c'].abs().mean() > 0.01


def test_sizes_for_224():
    model = BASInceptionV3().eval()
    x = torch.rand(1, 3, 224, 224)
    sizes = {}
    with torch.no_grad():
        for point, names in model.stages().items():
            for name in names:
                x = model.get_submodule(name)(x)
            sizes[point] = tuple(x.shape[1:])
    assert sizes['Conv2d_2b_3x3'] == (64, 110, 110)
    assert sizes['maxpool1'] == (64, 56, 56)
    assert sizes['maxpool2'] == (192, 28, 28)
    assert sizes['Mixed_6e'] == (768, 28, 28)
    assert sizes['Mixed_7c'] == (2048, 14, 14)


def test_names_and_shapes_are_those_of_the_published_network(golden_dir):
    keys = json.loads((golden_dir / 'wsol.json').read_text())['inception']['keys']
    published = {k: tuple(v) for k, v in keys.items() if not k.startswith('classifier_')}
    ours = {k: tuple(v.shape) for k, v in BASInceptionV3().state_dict().items()}
    assert ours == published


def test_tail_leaves_the_feature_map_unchanged(backbone):
    x = torch.rand(1, 768, 8, 8, dtype=torch.float64, requires_grad=True)
    feature = x * 2
    before = feature.detach().clone()
    backbone.Mixed_7c(backbone.Mixed_7b(backbone.Mixed_7a(feature))).sum().backward()
    assert torch.equal(feature, before)
    assert x.grad.abs().sum() > 0


def test_frozen_stages_and_norm_eval():
    model = MODELS.build(dict(type='BASInceptionV3', frozen_stages=4, norm_eval=True))
    frozen = {name.split('.')[0] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {'Conv2d_1a_3x3', 'Conv2d_2a_3x3', 'Conv2d_2b_3x3'}
    model.train()
    assert not any(m.training for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))
    assert model.Mixed_7c.training
    with pytest.raises(ValueError, match='frozen_stages must be 0 to 18'):
        BASInceptionV3(frozen_stages=19)


def test_norms_are_the_recipes():
    norms = [m for m in BASInceptionV3().modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.1)}
