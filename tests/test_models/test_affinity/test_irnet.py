"""IRNet: its fields against plain functions, its losses against all pairs, what is frozen."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.models import SegDataPreProcessor
from mmseg.structures import SegDataSample
from slow_pairs import slow_losses
from tiny_irn import tiny_irn_cfg

from bas_mm.registry import MODELS

FEATURES = ('stem', 'layer1', 'layer2', 'layer3', 'layer4')
CONFIGS = Path(__file__).resolve().parents[3] / 'configs/wsss'


@pytest.fixture
def model(randomize):
    """In float64, with running statistics and norms that show whether they are used."""
    model = MODELS.build(tiny_irn_cfg())
    randomize(model)
    return model.double()


def _images(size=(50, 37), count=2):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(count, 3, *size, generator=generator, dtype=torch.float64)


def _samples(labels):
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def _fields_by_hand(model, images):
    """The spec's sentences in plain functions; 'up' is between norm and ReLU, then cut."""
    w = model.state_dict()

    def unit(x, name, groups, up=1):
        x = F.conv2d(x, w[f'{name}.0.weight'])
        x = F.group_norm(x, groups, w[f'{name}.1.weight'], w[f'{name}.1.bias'])
        if up > 1:
            x = F.interpolate(x, scale_factor=up, mode='bilinear', align_corners=False)
        return F.relu(x)

    net = model.backbone
    stem = net.maxpool(net.relu(net.norm1(net.conv1(images))))
    feats = [stem]
    for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
        feats.append(layer(feats[-1]))
    h, wd = feats[0].shape[-2:]
    ups = (1, 1, 2, 4, 4)
    parts = [
        unit(f, f'boundary_branch.reductions.{i}', 2, up)[..., :h, :wd]
        for i, (f, up) in enumerate(zip(feats, ups))
    ]
    logits = F.conv2d(
        torch.cat(parts, 1), w['boundary_branch.joint.weight'], w['boundary_branch.joint.bias']
    )
    dp = 'displacement_branch'
    parts = [
        unit(f, f'{dp}.reductions.{i}', groups, up)
        for i, (f, groups, up) in enumerate(zip(feats, (2, 4, 4, 4, 4), (1, 1, 1, 2, 2)))
    ]
    h8, w8 = feats[2].shape[-2:]
    coarse = torch.cat([parts[2], parts[3][..., :h8, :w8], parts[4][..., :h8, :w8]], 1)
    coarse = unit(coarse, f'{dp}.coarse_joint', 8, 2)[..., :h, :wd]
    field = unit(torch.cat([parts[0], parts[1], coarse], 1), f'{dp}.fine_joint', 8)
    return logits, F.conv2d(field, w[f'{dp}.field.weight'])


@torch.no_grad()
@pytest.mark.parametrize('size', [(50, 37), (64, 32), (33, 65)])
def test_fields_by_hand_with_sizes_that_do_not_divide(model, size):
    images = _images(size)
    model.eval()
    logits, field = _fields_by_hand(model, images)
    mean = model.mean_shift.running_mean
    assert mean.all()
    boundary, displacement = model(images)
    assert boundary.shape == (2, 1, -(-size[0] // 4), -(-size[1] // 4))
    torch.testing.assert_close(boundary, logits.sigmoid(), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(displacement, field - mean[:, None, None], rtol=1e-9, atol=1e-12)
    # Training takes no mean off, and uses the same running statistics.
    model.train()
    torch.testing.assert_close(model(images)[1], field, rtol=1e-9, atol=1e-12)

    mirror = _fields_by_hand(model, images.flip(-1))[0].flip(-1)
    expected = ((logits + mirror) / 2).sigmoid()[:, 0]
    torch.testing.assert_close(model.boundary_with_mirror(images), expected, rtol=1e-9, atol=1e-12)


def test_losses_are_those_of_all_pairs_and_only_branches_learn(model):
    images = _images((28, 40))
    labels = torch.zeros(2, 28, 40, dtype=torch.long)
    labels[0, 8:, 9:30] = 2
    labels[0, :, 30:] = 20
    labels[1, 10:, :24] = 1
    labels[:, 20:23] = 255
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    losses = model(images, _samples(labels), mode='loss')

    logits, field = _fields_by_hand(model, images)
    # Nearest: pixel 2 of each four, at the place of its half-pixel centre.
    slow = slow_losses(logits.sigmoid(), field, labels[:, 2::4, 2::4], 3)
    assert all(loss > 1e-3 for loss in slow.values())
    assert {f'loss_{name}' for name in slow} == set(losses)
    for name, loss in slow.items():
        torch.testing.assert_close(losses[f'loss_{name}'], loss / 2, rtol=1e-7, atol=0)

    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        frozen = name.startswith('backbone.')
        assert parameter.requires_grad is not frozen
        assert (parameter.grad is None) is frozen, name
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_backbone_that_is_not_frozen_learns():
    model = MODELS.build({**tiny_irn_cfg(), 'freeze_backbone': False}).train()
    labels = torch.zeros(2, 28, 40, dtype=torch.long)
    labels[:, 9:, 9:] = 1
    sum(model(_images((28, 40)).float(), _samples(labels), mode='loss').values()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.backbone.layer4[0].bn1.num_batches_tracked == 1


def test_what_comes_after_the_last_feature_is_frozen():
    """Processes of a training would wait for its gradients."""
    cfg = tiny_irn_cfg()
    cfg.update(features=('layer1', 'layer3'), in_channels=(8, 32), strides=(4, 16))
    cfg['displacement'].update(channels=(4, 8), groups=(2, 4))
    model = MODELS.build({**cfg, 'freeze_backbone': False}).train()
    labels = torch.zeros(2, 28, 40, dtype=torch.long)
    labels[:, 9:, 9:] = 1
    sum(model(_images((28, 40)).float(), _samples(labels), mode='loss').values()).backward()
    for name, parameter in model.named_parameters():
        learns = not name.startswith('backbone.layer4.')
        assert parameter.requires_grad is learns, name
        assert (parameter.grad is not None) is learns, name


def test_weights_of_losses(model):
    labels = torch.zeros(2, 28, 40, dtype=torch.long)
    labels[:, 9:, 9:] = 1
    plain = model(_images((28, 40)), _samples(labels), mode='loss')
    model.loss_weight.update(pos=3, dp_bg=0)
    weighted = model(_images((28, 40)), _samples(labels), mode='loss')
    torch.testing.assert_close(weighted['loss_pos'], 6 * plain['loss_pos'])
    assert weighted['loss_dp_bg'] == 0
    assert weighted['loss_neg'] == plain['loss_neg']


@torch.no_grad()
def test_another_number_of_features(randomize):
    """A network of two features: one fine, one coarse."""
    cfg = tiny_irn_cfg()
    cfg.update(features=('layer1', 'layer3'), in_channels=(8, 32), strides=(4, 16))
    cfg['displacement'].update(channels=(4, 8), groups=(2, 4))
    model = MODELS.build(cfg).eval()
    randomize(model)
    boundary, displacement = model(torch.randn(1, 3, 50, 37))
    assert boundary.shape == (1, 1, 13, 10)
    assert displacement.shape == (1, 2, 13, 10)


@torch.no_grad()
def test_one_fine_feature_and_two_coarse_ones_of_a_size():
    cfg = tiny_irn_cfg()
    cfg['backbone']['strides'] = (1, 2, 1, 1)
    cfg.update(features=FEATURES[1:4], in_channels=(8, 16, 32), strides=(4, 8, 8))
    cfg['displacement'].update(channels=(4, 8, 8), groups=(2, 4, 4))
    model = MODELS.build(cfg).eval()
    assert model.displacement_branch.coarse_joint[0].in_channels == 8 + 8
    assert model(torch.randn(1, 3, 50, 37))[1].shape == (1, 2, 13, 10)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(in_channels=(8, 8)), 'got 5, 2 and 5 of them'),
        (
            dict(features=(*FEATURES[:4], 'layer9')),
            'ResNet has, in order, stem, layer1',
        ),
        (dict(strides=(4, 4, 8, 6, 16)), r'model.strides=\(4, 4, 8, 6, 16\)'),
        (dict(strides=(4, 8, 4, 16, 16)), 'they ascend'),
        (dict(strides=(4, 4, 6, 8, 16)), 'are multiples of the first'),
        (dict(strides=(4,) * 5), 'one of them at least is larger'),
        (dict(loss_weight=dict(edge=1)), 'model.loss_weight.edge is unknown: there are pos, neg'),
        (dict(loss_weight=dict(pos='1')), "model.loss_weight.pos='1': a number is needed"),
        (dict(radius=1), 'model.radius must be a whole number of at least 2, got 1'),
        (dict(radius=2.5), 'model.radius must be a whole number of at least 2, got 2.5'),
        (dict(boundary=dict(chanels=8)), r"model\.boundary=\{'chanels': 8\}: .*chanels"),
        (dict(boundary=8), 'model.boundary=8: .*mapping'),
        (dict(boundary=dict(channels='8')), "model.boundary.channels must be .*, got '8'"),
        (
            dict(boundary=dict(channels=8, groups=3)),
            'channels=8 must be .* model.boundary.groups=3',
        ),
        (dict(displacement=dict(channel=8)), r"model\.displacement=\{'channel': 8\}: .*channel"),
        (dict(displacement=dict(joint_groups=0)), 'model.displacement.joint_groups must .*, got 0'),
        (
            dict(displacement=dict(channels=(4, 8), groups=(2, 4, 4, 4, 4))),
            r'model.displacement.channels=\(4, 8\): .* each of the 5 features of model.features',
        ),
        (dict(displacement=dict(groups=(4,) * 6)), r'displacement.groups=\(4, 4, 4, 4, 4, 4\): '),
        (dict(displacement=dict(groups=4)), 'displacement.groups=4: a list is needed'),
        (dict(displacement=dict(groups=(3,) * 5)), r'displacement\.channels=64 .*\.groups=3'),
        (dict(stages=dict(stem=['conv1'])), 'ResNet has, in order, stem'),
        (
            dict(stages={name: [f'part_{name}'] for name in FEATURES}),
            r"model\.stages: ResNet has no submodule 'part_stem'",
        ),
        (dict(backbone=dict(type='mmpretrain.PoolFormer')), r'e\.g\. model\.stages=dict\(a='),
    ],
)
def test_impossible_configs_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build({**tiny_irn_cfg(), **change})


def test_what_cannot_run_is_named(model):
    with pytest.raises(ValueError, match='grid of 2×4 points is too small for pairs within'):
        model(_images((8, 16)), _samples(torch.zeros(2, 8, 16, dtype=torch.long)), mode='loss')
    with pytest.raises(ValueError, match="mode='train'"):
        model(_images(), mode='train')
    other = MODELS.build({**tiny_irn_cfg(), 'in_channels': (8, 8, 16, 32, 32)})
    with pytest.raises(ValueError, match=r'features of ResNet have \(8, 8, 16, 32, 64\) channels'):
        other(torch.randn(1, 3, 32, 32))


@pytest.mark.parametrize(
    ('strides', 'backbone_strides', 'sizes'),
    [
        # Finer than it is said: layer3 made larger by 4 and cut would have each place twice as far.
        ((4, 4, 8, 16, 16), (1, 2, 1, 1), '16×24, 16×24, 8×12, 8×12, 8×12 points, but '),
        ((4, 4, 8, 16, 16), (1, 2, 2, 2), '16×24, 16×24, 8×12, 4×6, 2×3 points, but '),
        ((4, 4, 8, 8, 16), (1, 2, 2, 1), '16×24, 16×24, 8×12, 4×6, 4×6 points, but '),
    ],
)
def test_other_strides_than_those_of_the_backbone_are_named(strides, backbone_strides, sizes):
    cfg = tiny_irn_cfg()
    cfg['backbone']['strides'] = backbone_strides
    model = MODELS.build({**cfg, 'strides': strides})
    with pytest.raises(ValueError, match=rf'model.strides=.* picture of 64×96 .* {sizes}'):
        model(torch.randn(1, 3, 64, 96))


@torch.no_grad()
def test_a_backbone_without_a_table_has_its_stages_named():
    backbone = dict(type='mmpretrain.PoolFormer', arch='s12')
    stages = dict(
        a=['patch_embed', 'network.0'],
        b=['network.1', 'network.2'],
        c=['network.3', 'network.4'],
        d=['network.5', 'network.6', 'norm6'],
    )
    model = MODELS.build(
        dict(
            type='IRNet',
            backbone=backbone,
            stages=stages,
            features=('a', 'b', 'c'),
            in_channels=(64, 128, 320),
            strides=(4, 8, 16),
            displacement=dict(channels=(64, 64, 64), groups=(8, 8, 8)),
            freeze_backbone=False,
        )
    )
    boundary, displacement = model.eval()(torch.randn(1, 3, 64, 96))
    assert (boundary.shape, displacement.shape) == ((1, 1, 16, 24), (1, 2, 16, 24))
    found = model.extract_feat(torch.ones(1, 3, 64, 96))
    net = model.backbone
    x = net.network[0](net.patch_embed(torch.ones(1, 3, 64, 96)))
    assert torch.equal(found[1], net.network[2](net.network[1](x)))
    assert not any(p.requires_grad for p in net.network[6].parameters())
    assert all(p.requires_grad for p in net.network[4].parameters())


@torch.no_grad()
def test_boundaries_of_half_precision_are_told_apart_in_float32():
    model = MODELS.build(tiny_irn_cfg()).eval().bfloat16()
    images = _images(count=3).bfloat16()
    logits = model.boundary_branch(model.extract_feat(images))
    assert logits.dtype == torch.bfloat16
    boundary, displacement = model(images)
    assert torch.equal(boundary, logits.float().sigmoid())
    assert displacement.dtype == torch.float32
    both = model.boundary_branch(model.extract_feat(torch.cat([images, images.flip(-1)])))
    plain, mirrored = both[:3, 0].float(), both[3:, 0].flip(-1).float()
    assert torch.equal(model.boundary_with_mirror(images), ((plain + mirrored) / 2).sigmoid())


def test_features_of_a_frozen_backbone_are_detached():
    images = _images().float().requires_grad_()
    for frozen in (True, False):
        model = MODELS.build({**tiny_irn_cfg(), 'freeze_backbone': frozen})
        assert all(f.requires_grad is not frozen for f in model.extract_feat(images))


@torch.no_grad()
def test_samples_are_filled_in(model):
    images = _images()
    fields = model.eval()(images)
    samples = [SegDataSample(metainfo=dict(number=n)) for n in range(2)]
    found = model(images, samples, mode='predict')
    assert all(a is b for a, b in zip(found, samples, strict=True))
    for given in (found, model(images, mode='predict')):
        for sample, boundary, displacement in zip(given, *fields, strict=True):
            assert torch.equal(sample.pred_boundary.data, boundary)
            assert torch.equal(sample.pred_displacement.data, displacement)


def test_its_own_initialisation():
    init = dict(type='Constant', layer='GroupNorm', val=3, bias=2)
    model = MODELS.build({**tiny_irn_cfg(), 'init_cfg': init})
    model.init_weights()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.GroupNorm)]
    assert all((norm.weight == 3).all() and (norm.bias == 2).all() for norm in norms)


def test_recipe_of_the_paper():
    for data in ('voc12', 'coco14'):
        cfg = Config.fromfile(CONFIGS / f'irn_resnet50_{data}.py')
        assert cfg.train_cfg == dict(by_epoch=True, max_epochs=3)
        assert cfg.optim_wrapper.optimizer == dict(
            type='SGD', lr=0.1, momentum=0, weight_decay=1e-4
        )
        assert cfg.optim_wrapper.paramwise_cfg.custom_keys == dict(
            displacement_branch=dict(lr_mult=10)
        )
        assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 32
        assert cfg.train_dataloader.sampler.shuffle
        poly = dict(type='PolyLR', power=0.9, by_epoch=True, begin=0, end=3)
        assert cfg.param_scheduler == [dict(poly, convert_to_iter_based=True)]
        # The pictures that have seeds.
        pictures = cfg.train_dataloader.dataset.pictures
        seeds = Config.fromfile(CONFIGS / f'cam_resnet50_{data}.py').seed_dataloader.dataset
        assert {key: seeds[key] for key in pictures} == pictures
        pipeline = {t.type: t for t in cfg.train_dataloader.dataset.pipeline}
        assert pipeline['RandomScale'].ratio_range == (0.5, 1.5)
        assert pipeline['mmcv.RandomFlip'].prob == 0.5
        colours = cfg.model.data_preprocessor
        assert pipeline['mmseg.RandomCrop'].crop_size == colours.size == (512, 512)
        # ImageNet's, of RGB; what is missing of a crop counts in no pair.
        assert colours.mean == [123.675, 116.28, 103.53]
        assert colours.std == [58.395, 57.12, 57.375]
        assert (colours.bgr_to_rgb, colours.pad_val, colours.seg_pad_val) == (True, 0, 255)
        hooks = ['EmptyLoaderHook', 'EpochSeedHook', 'NonFiniteLossHook', 'DisplacementMeanHook']
        assert [hook.type for hook in cfg.custom_hooks] == hooks
        assert [t.type for t in cfg.custom_hooks[-1].pipeline] == [
            'LoadLocImage',
            'mmseg.PackSegInputs',
        ]
    model = MODELS.build(cfg.model)
    assert isinstance(model.data_preprocessor, SegDataPreProcessor)
    # What the config says is what there is without it.
    default = MODELS.build(dict(type='IRNet', backbone=tiny_irn_cfg()['backbone']))
    for name in ('feature_names', 'in_channels', 'strides', 'radius', 'freeze_backbone'):
        assert getattr(default, name) == getattr(model, name)
    groups = {
        name: module.num_groups
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.GroupNorm)
    }
    boundary = [f'boundary_branch.reductions.{i}.1' for i in range(5)]
    assert groups.pop('displacement_branch.reductions.0.1') == 8
    assert [groups.pop(name) for name in boundary] == [4] * 5
    assert list(groups.values()) == [16] * 6
    assert model.radius == 10
    assert model.mean_shift.running_mean.tolist() == [0, 0]
    assert model.loss_weight == dict(pos=0.5, neg=0.5, dp_fg=0.5, dp_bg=0.5)
    assert not any(parameter.requires_grad for parameter in model.backbone.parameters())
    with torch.no_grad():
        boundary, displacement = model.eval()(torch.randn(1, 3, 64, 96))
    assert boundary.shape == (1, 1, 16, 24)
    assert displacement.shape == (1, 2, 16, 24)


@pytest.mark.parametrize(
    ('config', 'rates', 'momentum', 'num_groups'),
    [
        ('irn_resnet50_voc12.py', dict(boundary_branch=0.1, displacement_branch=1.0), 0, 3),
        ('irn_resnet50_coco14.py', dict(boundary_branch=0.1, displacement_branch=1.0), 0, 3),
        (
            'irn_small_embedded.py',
            dict(backbone=0.02, boundary_branch=0.02, displacement_branch=0.02),
            0.9,
            5,
        ),
    ],
)
def test_rates_of_the_recipe(config, rates, momentum, num_groups, monkeypatch):
    """They lie in few groups, and nothing is said of each frozen parameter."""
    said = []
    monkeypatch.setattr(
        'mmengine.optim.optimizer.default_constructor.print_log',
        lambda line, **kwargs: said.append(line),
    )
    cfg = Config.fromfile(CONFIGS / config)
    cfg.model.backbone.init_cfg = None
    model = MODELS.build(cfg.model)
    groups = build_optim_wrapper(model, cfg.optim_wrapper).optimizer.param_groups
    assert said == []
    assert len(groups) == num_groups
    of = {id(parameter): group for group in groups for parameter in group['params']}
    for name, parameter in model.named_parameters():
        group = of.pop(id(parameter), None)
        found = group and (group['lr'], group['weight_decay'], group['momentum'])
        rate = rates.get(name.split('.')[0])
        assert found == (rate and (rate, 1e-4, momentum)), name
    assert of == {}
