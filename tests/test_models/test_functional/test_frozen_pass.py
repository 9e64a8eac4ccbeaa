"""The frozen pass against a deep copy whose weights take no gradient."""

import copy

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from bas_mm.models.functional import frozen_pass, untracked_statistics


class _OtherNorm(nn.Module):
    """A norm that, as mmcv's SyncBatchNorm, is none of torch's and records whatever the switch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.track_running_stats = True
        self.register_buffer('running_mean', torch.zeros(channels))
        self.register_buffer('running_var', torch.ones(channels))
        self.register_buffer('num_batches_tracked', torch.tensor(0))

    def forward(self, x):
        if self.training:
            self.num_batches_tracked += 1
        statistics = self.running_mean, self.running_var
        return F.batch_norm(x, *statistics, self.weight, self.bias, self.training)


class _BareNorm(_OtherNorm):
    """One that has no switch at all."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        del self.track_running_stats


def _modules(norm: type[nn.Module] = nn.BatchNorm2d) -> list[nn.Module]:
    torch.manual_seed(0)
    tail = nn.Sequential(nn.Conv2d(3, 4, 3), norm(4), nn.ReLU(inplace=True))
    modules = [nn.MaxPool2d(2), tail, nn.Conv2d(4, 2, 1)]
    for m in nn.ModuleList(modules).modules():
        if hasattr(m, 'running_mean'):
            m.running_mean.uniform_(-1, 1)
            m.running_var.uniform_(0.5, 2)
    return modules


def _run(modules, x):
    for module in modules:
        x = module(x)
    return x


@pytest.mark.parametrize('norm', [nn.BatchNorm2d, nn.SyncBatchNorm, _OtherNorm, _BareNorm])
@pytest.mark.parametrize('training', [True, False])
def test_same_output_and_gradient_as_a_frozen_copy(norm, training):
    modules = _modules(norm)
    nn.ModuleList(modules).train(training)
    reference = copy.deepcopy(modules)
    for p in nn.ModuleList(reference).parameters():
        p.requires_grad_(False)
    x = torch.randn(4, 3, 12, 12, requires_grad=True)
    before = {k: v.clone() for k, v in nn.ModuleList(modules).state_dict().items()}

    out = frozen_pass(modules, x)
    expected = _run(reference, x)
    assert torch.equal(out, expected)
    weight = torch.randn_like(out)
    (grad,) = torch.autograd.grad((out * weight).sum(), x)
    (expected_grad,) = torch.autograd.grad((expected * weight).sum(), x)
    assert torch.equal(grad, expected_grad)

    after = nn.ModuleList(modules).state_dict()
    # Statistics and the batch counter too: in training mode the copy's own have moved.
    assert all(
        torch.equal(before[k], after[k]) and before[k].dtype == after[k].dtype for k in before
    )
    if training:
        assert reference[1][1].num_batches_tracked == 1
        assert modules[1][1].num_batches_tracked == 0


def test_no_gradient_for_the_weights_and_the_main_pass_keeps_its_own():
    modules = _modules()
    everything = nn.ModuleList(modules)
    x = torch.randn(2, 3, 12, 12)
    mask = torch.rand(2, 1, 12, 12, requires_grad=True)
    frozen_pass(modules, x * mask).sum().backward()
    assert all(p.grad is None and p.requires_grad for p in everything.parameters())
    assert mask.grad.abs().sum() > 0
    _run(modules, x).sum().backward()
    main = [p.grad.clone() for p in everything.parameters()]
    everything.zero_grad()
    (_run(modules, x).sum() + frozen_pass(modules, x * mask).sum()).backward()
    assert all(torch.equal(a, p.grad) for a, p in zip(main, everything.parameters()))


def test_statistics_are_tracked_again_after_an_error():
    modules = _modules()
    with pytest.raises(RuntimeError):
        frozen_pass(modules, torch.randn(2, 5, 12, 12))
    assert modules[1][1].track_running_stats
    assert isinstance(modules[1][0].weight, nn.Parameter)


def test_no_weight_is_copied():
    seen = []
    conv = nn.Conv2d(3, 2, 1)
    conv.register_forward_pre_hook(lambda m, _: seen.append(m.weight.data_ptr()))
    frozen_pass([conv], torch.randn(1, 3, 4, 4))
    assert seen == [conv.weight.data_ptr()]


@pytest.mark.parametrize('norm', [nn.BatchNorm2d, nn.SyncBatchNorm])
def test_no_statistics_of_torchs_norms_are_copied(norm):
    modules = _modules(norm)
    seen = []
    modules[1][1].register_forward_pre_hook(lambda m, _: seen.extend(m.buffers()))
    frozen_pass(modules, torch.randn(2, 3, 12, 12))
    assert len(seen) == 3
    assert all(a is b for a, b in zip(seen, modules[1][1].buffers()))


def test_modules_are_looked_through_without_errors_and_for_norms_once(monkeypatch):
    """A GPU would wait for it. A name that a module lacks costs more than all else of the look."""
    missed, walks = [], []
    find, walk = nn.Module.__getattr__, nn.Module.modules

    def find_or_note(module, name):
        if name in ('running_mean', 'with_cp') and name not in module._buffers:
            missed.append((module, name))
        return find(module, name)

    chain = nn.Sequential(*_modules())
    monkeypatch.setattr(nn.Module, '__getattr__', find_or_note)
    monkeypatch.setattr(nn.Module, 'modules', lambda self: (walks.append(self), walk(self))[1])
    with untracked_statistics(chain):
        pass
    assert walks == [chain]
    frozen_pass(chain, torch.randn(2, 3, 12, 12))
    assert missed == []


def test_switches_of_norms_stay_as_they_were():
    norms = [nn.BatchNorm2d(3), nn.BatchNorm2d(3).eval(), nn.BatchNorm2d(3)]
    norms.append(nn.BatchNorm2d(3, track_running_stats=False))
    norms[2].track_running_stats = False  # of the batch, and the running ones are kept
    seen = []
    for norm in norms:
        norm.register_forward_pre_hook(lambda m, _: seen.append(m.track_running_stats))
    frozen_pass(norms, torch.randn(2, 3, 4, 4))
    assert seen == [False, True, False, False]
    assert [norm.track_running_stats for norm in norms] == [True, True, False, False]
