import copy

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from tiny import tiny_model
from tiny_irn import tiny_irn_cfg

from bas_mm.engine.optimizers.resume_as_built import in_layout_of
from bas_mm.registry import MODELS

SGD = dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=5e-4, nesterov=True)


def _wrapper(model, **kwargs):
    cfg = dict(constructor='RecipeOptimWrapperConstructor', type='OptimWrapper', optimizer=SGD)
    return build_optim_wrapper(model, dict(cfg, **kwargs))


@pytest.mark.parametrize('kind', ['BASClassifier', 'CAMClassifier'])
def test_factor_of_every_parameter(kind):
    model = tiny_model(kind)
    model.backbone.conv1.weight.requires_grad_(False)
    groups = _wrapper(model).optimizer.param_groups
    rate = {id(p): g['lr'] for g in groups for p in g['params']}
    for name, parameter in model.named_parameters():
        if name == 'backbone.conv1.weight':
            assert id(parameter) not in rate
            continue
        factor = 1 if name.startswith('backbone.') else 10
        factor *= 2 if name.endswith('.bias') else 1
        assert rate[id(parameter)] == pytest.approx(0.001 * factor), name
    assert len(groups) == 4
    assert all(g['weight_decay'] == 5e-4 and g['nesterov'] for g in groups)


def test_a_factor_follows_from_the_whole_name():
    model = torch.nn.Module()
    # Neither is below ``backbone``, and the first holds one weight that is no bias.
    model.bias_of_backbone = torch.nn.Conv2d(1, 1, 1, bias=False)
    model.head = torch.nn.ModuleDict(dict(backbone=torch.nn.Conv2d(1, 1, 1)))
    groups = _wrapper(model).optimizer.param_groups
    assert {g['name']: len(g['params']) for g in groups} == dict(new_weight=2, new_bias=1)


def test_other_factors_and_unknown_ones():
    groups = _wrapper(tiny_model(), paramwise_cfg=dict(new_bias=5)).optimizer.param_groups
    assert {g['name']: g['lr'] for g in groups} == pytest.approx(
        dict(backbone_weight=0.001, backbone_bias=0.002, new_weight=0.01, new_bias=0.005)
    )
    with pytest.raises(ValueError, match='paramwise_cfg takes backbone_weight.*got bias'):
        _wrapper(tiny_model(), paramwise_cfg=dict(bias=2))


def test_factors_by_parts_of_names():
    model = tiny_model()
    model.backbone.conv1.weight.requires_grad_(False)
    keys = {'backbone.layer1': 3, 'conv1': 5, 'layer': 7, 'generator': 0.5}
    custom = {key: dict(lr_mult=factor) for key, factor in keys.items()}
    groups = _wrapper(model, paramwise_cfg=dict(custom_keys=custom)).optimizer.param_groups
    assert [group['name'] for group in groups] == [
        *('backbone_weight', 'backbone_bias', 'new_weight', 'new_bias'),
        *keys,
    ]
    rates = {id(p): group['lr'] for group in groups for p in group['params']}
    # What mmengine's own constructor gives them; it leaves the others alone.
    cfg = dict(type='OptimWrapper', optimizer=SGD, paramwise_cfg=dict(custom_keys=custom))
    theirs = build_optim_wrapper(model, cfg).optimizer.param_groups
    their_rates = {id(group['params'][0]): group['lr'] for group in theirs}
    plain_groups = _wrapper(model).optimizer.param_groups
    plain = {id(p): group['lr'] for group in plain_groups for p in group['params']}
    assert rates.keys() == their_rates.keys() == plain.keys()
    for name, parameter in model.named_parameters():
        if id(parameter) in rates:
            expected = their_rates if any(key in name for key in keys) else plain
            assert rates[id(parameter)] == pytest.approx(expected[id(parameter)]), name


@pytest.mark.parametrize(
    ('custom', 'message'),
    [
        (dict(generatr=dict(lr_mult=2)), 'custom_keys: no parameter has generatr in its name'),
        (dict(generator=2), r'custom_keys\.generator must be dict\(lr_mult=FACTOR\), got 2'),
        (dict(generator=dict(decay_mult=0)), r'custom_keys\.generator must be dict\(lr_mult=FAC'),
        (dict(generator=dict(lr_mult=-1)), r'custom_keys\.generator\.lr_mult must be a number'),
    ],
)
def test_custom_keys_that_make_no_sense(custom, message):
    with pytest.raises(ValueError, match=message):
        _wrapper(tiny_model(), paramwise_cfg=dict(custom_keys=custom))


@pytest.mark.parametrize('lr', [{}, dict(lr='0.1'), dict(lr=-1)], ids=str)
def test_a_learning_rate_is_needed(lr):
    message = r'optim_wrapper\.optimizer\.lr must be a number in \[0, inf\), got '
    with pytest.raises(ValueError, match=message):
        _wrapper(tiny_model(), optimizer=dict(type='Adam', **lr))


def test_norms_without_a_bias_are_left_alone():
    """IRNet counts a running mean in a layer that has no weights."""
    model = MODELS.build(dict(tiny_irn_cfg(), type='bas_mm.IRNet'))
    assert any(hasattr(m, 'running_mean') and not hasattr(m, 'bias') for m in model.modules())
    wrapper = _wrapper(model, paramwise_cfg=dict(train_norm_bias=False))
    biases = {
        id(m.bias)
        for m in model.modules()
        if getattr(m, 'running_mean', None) is not None and hasattr(m, 'bias')
    }
    trained = {id(p) for group in wrapper.optimizer.param_groups for p in group['params']}
    assert biases
    assert not biases & trained


def test_one_step_moves_weights_by_their_factor():
    model = tiny_model()
    cfg = dict(type='SGD', lr=0.5)
    wrapper = _wrapper(model, optimizer=cfg)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    wrapper.optimizer.step()
    moved = {n: (before[n] - p.detach()).mean().item() for n, p in model.named_parameters()}
    assert moved['backbone.conv1.weight'] == pytest.approx(0.5, rel=1e-4)
    assert moved['backbone.bn1.bias'] == pytest.approx(1.0, rel=1e-4)
    assert moved['generator.conv.weight'] == pytest.approx(5.0, rel=1e-4)
    assert moved['head.classifier.4.bias'] == pytest.approx(10.0, rel=1e-4)


def test_norm_biases_can_be_left_untouched():
    class OtherNorm(torch.nn.Module):  # as mmcv's SyncBatchNorm, none of torch's
        def __init__(self) -> None:
            super().__init__()
            self.bias = torch.nn.Parameter(torch.zeros(1))
            self.register_buffer('running_mean', torch.zeros(1))

    model = tiny_model()
    model.norm = OtherNorm()
    groups = _wrapper(model, paramwise_cfg=dict(train_norm_bias=False)).optimizer.param_groups
    trained = {id(p) for g in groups for p in g['params']}
    left_out = {name for name, p in model.named_parameters() if id(p) not in trained}
    kinds = (torch.nn.BatchNorm2d, OtherNorm)
    norms = [n for n, m in model.named_modules() if isinstance(m, kinds)]
    assert left_out == {f'{name}.bias' for name in norms}


@pytest.mark.parametrize('kind', ['SGD', 'Adam'])
@pytest.mark.parametrize(
    ('before', 'after'),
    [({}, dict(fused=True)), (dict(fused=True), {}), (dict(foreach=True), dict(fused=True))],
    ids=str,
)
def test_a_resumed_optimizer_is_fused_as_the_config_says_and_not_the_checkpoint(
    kind, before, after
):
    def step(model, wrapper, scaler=None):
        wrapper.zero_grad()
        loss = model(torch.ones(2, 3)).square().sum()
        (scaler.scale(loss) if scaler else loss).backward()
        scaler.step(wrapper.optimizer) if scaler else wrapper.step()

    model, resumed_model = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    stopped = _wrapper(model, optimizer=dict(type=kind, lr=0.01, **before))
    resumed = _wrapper(resumed_model, optimizer=dict(type=kind, lr=0.01, **after))
    step(model, stopped)
    resumed_model.load_state_dict(model.state_dict())
    state = copy.deepcopy(stopped.state_dict())  # as a file has it
    resumed.load_state_dict(state)
    for key in ('fused', 'foreach'):
        assert {group[key] for group in resumed.optimizer.param_groups} == {after.get(key)}
        assert {group[key] for group in state['param_groups']} == {before.get(key)}  # untouched
    step(model, stopped)
    # A loss scaler leaves it to a fused optimizer to unscale the gradients.
    step(resumed_model, resumed, torch.amp.GradScaler('cpu', init_scale=4.0))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(resumed_model.state_dict()[name], value, msg=name)


@pytest.mark.parametrize('kind', ['SGD', 'Adam'])
@pytest.mark.parametrize(('before', 'after'), [(False, True), (True, False)], ids=str)
def test_a_resumed_state_lies_in_memory_as_its_weights_do(kind, before, after):
    """torch leaves it as the checkpoint has it, and fused kernels go by the order of memory."""
    formats = {True: torch.channels_last, False: torch.contiguous_format}
    momentum = dict(momentum=0.9, nesterov=True) if kind == 'SGD' else {}

    def build(channels_last, **fused):
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.Conv2d(4, 5, 1))
        model.to(memory_format=formats[channels_last])
        return model, _wrapper(model, optimizer=dict(type=kind, lr=0.01, **momentum, **fused))

    def step(model, wrapper, seed):
        generator = torch.Generator().manual_seed(seed)
        for p in model.parameters():  # empty_like has its layout
            p.grad = torch.empty_like(p).copy_(torch.randn(p.shape, generator=generator))
        wrapper.step()

    model, stopped = build(before)
    resumed_model, resumed = build(after, fused=True)
    step(model, stopped, 0)
    resumed_model.load_state_dict(model.state_dict())
    resumed.load_state_dict(copy.deepcopy(stopped.state_dict()))
    layouts = [
        (p.stride(), value.stride())
        for p, values in resumed.optimizer.state.items()
        for name, value in values.items()
        if name != 'step'
    ]
    assert layouts
    assert all(of_weight == of_state for of_weight, of_state in layouts)
    step(model, stopped, 1)
    step(resumed_model, resumed, 1)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(resumed_model.state_dict()[name], value, msg=name)


def test_what_lies_as_its_weight_does_is_not_copied():
    weight = torch.zeros(4, 3, 2, 2).contiguous(memory_format=torch.channels_last)
    for value in (torch.ones_like(weight), torch.ones(()), torch.ones(4), None, 1.0):
        assert in_layout_of(weight, value) is value
    value = torch.rand(4, 3, 2, 2, dtype=torch.float64)
    laid_out = in_layout_of(weight, value)
    assert torch.equal(laid_out, value)
    assert laid_out.dtype == value.dtype
    assert laid_out.stride() == weight.stride() != value.stride()
