"""Checkpointed chains against the same chain run once."""

import copy

import pytest
import torch
import torch.nn as nn

from bas_mm.models.functional import activation_checkpoint, run_chain, run_checkpointed


def _chain() -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList(
        [
            # ReLUs in place, also behind a bare norm: a segment must not begin with them.
            nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True)),
            nn.Conv2d(8, 8, 3),
            nn.BatchNorm2d(8, momentum=None),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        ]
    ).double()


@pytest.mark.parametrize('segments', [1, 2, 3, 100])
@pytest.mark.parametrize('training', [True, False])
def test_output_gradients_and_statistics_are_bit_identical(segments, training):
    chain = _chain().train(training)
    reference = copy.deepcopy(chain)
    inputs = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    runs = []
    for modules, run in (
        (reference, lambda x: run_chain(list(reference), x)),
        (chain, lambda x: run_checkpointed(list(chain), x, segments)),
    ):
        x = inputs.clone().requires_grad_()
        out = run(x)
        out.square().sum().backward()
        runs.append([out, x.grad, *(p.grad for p in modules.parameters()), *modules.buffers()])
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(*runs))
    if training:
        assert chain[2].num_batches_tracked == 1


class _Doubled(nn.Sequential):
    """Not what an ``nn.Sequential`` computes."""

    def forward(self, x):
        return 2 * super().forward(x)


def test_sequentials_with_a_forward_pass_or_hooks_of_their_own_stay_whole():
    hooked = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(inplace=True))
    hooked.register_forward_hook(lambda module, args, out: out + 1)
    x = torch.randn(2, 3, 8, 8)
    for chain in ([_Doubled(nn.Conv2d(3, 3, 3))], [hooked]):
        assert torch.equal(run_checkpointed(chain, x, 2), run_chain(chain, x))


def test_sequentials_whose_gradients_somebody_looks_at_stay_whole():
    looked_at = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3))
    seen = []
    looked_at.register_full_backward_hook(lambda module, into, out: seen.append(module))
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    run_checkpointed([looked_at], x, 2).sum().backward()
    assert seen == [looked_at]


@pytest.mark.parametrize(
    ('segments', 'expected'),
    [
        (1, ['ReLU Conv2d ReLU Conv2d MaxPool2d Conv2d']),
        (2, ['ReLU Conv2d ReLU', 'Conv2d MaxPool2d Conv2d']),
        (9, ['ReLU', 'Conv2d ReLU', 'Conv2d', 'MaxPool2d', 'Conv2d']),
    ],
)
def test_where_segments_begin(segments, expected, monkeypatch):
    """About equal in length, members of sequentials by themselves; not with a step in place."""
    parts = []

    def checkpoint(run, part, x, **_):
        parts.append(' '.join(type(module).__name__ for module in part))
        return run(part, x)

    monkeypatch.setattr(activation_checkpoint, 'checkpoint', checkpoint)
    inner = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True), nn.Conv2d(3, 3, 1))
    chain = [nn.ReLU(inplace=True), inner, nn.MaxPool2d(2), nn.Conv2d(3, 3, 1)]
    run_checkpointed(chain, torch.randn(1, 3, 4, 4), segments)
    assert parts == expected
    if segments == 1:
        run_checkpointed(chain, torch.randn(1, 3, 4, 4))
        assert parts == 2 * expected


def test_buffers_are_the_same_tensors_afterwards():
    chain = _chain().train()
    buffers = list(chain.buffers())
    run_checkpointed(list(chain), torch.randn(2, 3, 16, 16).double(), 2).sum().backward()
    assert all(a is b for a, b in zip(buffers, chain.buffers()))


def test_less_is_kept_for_the_backward_pass():
    chain, kept = _chain().train(), []

    def pack(tensor):
        if not isinstance(tensor, nn.Parameter):
            kept.append(tensor.numel())
        return tensor

    sizes = []
    for run in (run_chain, run_checkpointed):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            run(list(chain), torch.randn(2, 3, 32, 32).double())
        sizes.append(sum(kept))
    assert sizes[1] < sizes[0] / 2


def test_what_records_no_statistics_is_not_copied():
    norms = [nn.BatchNorm2d(3).eval(), nn.BatchNorm2d(3, track_running_stats=False)]
    buffers = [[*norm.buffers()] for norm in norms]
    with activation_checkpoint.discarded_statistics(norms):
        for norm, own in zip(norms, buffers):
            assert all(a is b for a, b in zip(norm.buffers(), own))
