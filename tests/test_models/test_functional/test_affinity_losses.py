"""IRNet's losses and their gradients against a double loop over pairs, in float64."""

import pytest
import torch
from slow_pairs import slow_losses, slow_offsets

from bas_mm.models.functional import affinity_losses
from bas_mm.models.functional.affinity_losses import (
    boundary_losses,
    displacement_losses,
    pair_counts,
    pair_kinds,
)
from bas_mm.models.functional.affinity_paths import path_maxima


def _fast_losses(boundary, displacement, labels, radius) -> dict[str, torch.Tensor]:
    kinds = pair_kinds(labels, radius)
    pos, neg = boundary_losses(boundary, kinds, radius)
    dp_fg, dp_bg = displacement_losses(displacement, kinds, radius)
    return dict(pos=pos, neg=neg, dp_fg=dp_fg, dp_bg=dp_bg)


def _inputs(size=(7, 11), count=3):
    generator = torch.Generator().manual_seed(1)
    boundary = torch.rand(count, 1, *size, generator=generator, dtype=torch.float64)
    displacement = torch.randn(count, 2, *size, generator=generator, dtype=torch.float64) * 3
    labels = torch.zeros(count, *size, dtype=torch.long)
    labels[0, 2:, 4:] = 3
    labels[0, 4:, 6:] = 1
    labels[:2, :, 1::5] = 255
    labels[1, 3:, :6] = 20
    # The third picture has background alone.
    return boundary.requires_grad_(), displacement.requires_grad_(), labels


# The pictures are looked at in two goes; and one by one where each has more pairs than a go.
@pytest.mark.parametrize(('radius', 'at_once'), [(2, 0.5), (3, 2), (4, 2)])
def test_values_and_gradients_are_those_of_all_pairs(radius, at_once, monkeypatch):
    kinds = pair_kinds(_inputs()[2], radius)
    assert kinds.dtype == torch.uint8
    monkeypatch.setattr(affinity_losses, '_PAIRS_AT_ONCE', int(at_once * kinds[0].numel()))
    *fields, labels = _inputs()
    fast, slow = (f(*fields, labels, radius) for f in (_fast_losses, slow_losses))
    assert all(loss > 0.1 for loss in slow.values())
    for name, expected in slow.items():
        torch.testing.assert_close(fast[name], expected, rtol=1e-10, atol=0)
        of_all = torch.autograd.grad(expected, fields, retain_graph=True, allow_unused=True)
        ours = torch.autograd.grad(fast[name], fields, retain_graph=True, allow_unused=True)
        for gradient, wanted in zip(ours, of_all):
            assert (gradient is None) == (wanted is None)
            if wanted is not None:
                assert wanted.abs().max() > 0
                torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-15)


def test_grids_of_more_points_than_short_integers_count():
    generator = torch.Generator().manual_seed(2)
    boundary = torch.rand(1, 1, 182, 183, generator=generator, dtype=torch.float64)
    kinds = pair_kinds(torch.arange(182 * 183).view(1, 182, 183) % 4 // 2, 2)
    affinity = 1 - path_maxima(boundary[:, 0], 2)
    background, foreground = (-(affinity[kinds == kind] + 1e-5).log().mean() for kind in (0, 1))
    pos, neg = boundary_losses(boundary, kinds, 2)
    torch.testing.assert_close(pos, (background + foreground) / 2)
    torch.testing.assert_close(neg, -(1 + 1e-5 - affinity[kinds == 2]).log().mean())


def test_without_pairs_of_a_kind_the_loss_is_zero():
    boundary, displacement, labels = _inputs()
    losses = _fast_losses(boundary, displacement, torch.full_like(labels, 255), 3)
    assert all(loss == 0 for loss in losses.values())
    sum(losses.values()).backward()
    assert not boundary.grad.any()
    assert not displacement.grad.any()


def test_a_field_that_points_to_the_centre_has_no_loss():
    """The sign of Δ: on one object d_i = centre − i is what is asked for."""
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(9.0), indexing='ij')
    field = torch.stack([2.5 - rows, 4 - columns])[None]
    labels = torch.ones(1, 6, 9, dtype=torch.long)
    assert displacement_losses(field, pair_kinds(labels, 3), 3).first < 1e-6
    assert displacement_losses(-field, pair_kinds(labels, 3), 3).first > 1


def test_half_precision_is_computed_in_float32():
    boundary, displacement, labels = _inputs()
    expected = _fast_losses(boundary, displacement, labels, 3)
    for name, loss in _fast_losses(boundary.half(), displacement.half(), labels, 3).items():
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss.double(), expected[name], rtol=5e-3, atol=0)


def test_a_batch_of_more_pictures_than_kinds():
    boundary, displacement, labels = (torch.cat([field] * 2)[:5] for field in _inputs())
    boundary = boundary * torch.linspace(0.5, 1, 5)[:, None, None, None]  # no two are alike
    fast, slow = (f(boundary, displacement, labels, 2) for f in (_fast_losses, slow_losses))
    for name, expected in slow.items():
        torch.testing.assert_close(fast[name], expected, rtol=1e-10, atol=0)


def test_a_small_difference_of_two_large_sums():
    """A field that is slightly too long: the sums over pairs are 4096 times the loss."""
    points = torch.meshgrid(torch.arange(59.0), torch.arange(79.0), indexing='ij')
    field = -torch.stack(points)[None] * (1 + 2**-12)
    kinds = pair_kinds(torch.ones(1, 59, 79, dtype=torch.long), 5)
    offsets = torch.tensor(slow_offsets(5), dtype=torch.float64)
    loss = displacement_losses(field, kinds, 5).first
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), offsets.abs().mean() * 2**-12, rtol=1e-5, atol=0)


def test_parts_of_a_batch_add_up_with_the_counts_of_the_whole():
    boundary, displacement, labels = _inputs()
    kinds = pair_kinds(labels, 3)
    counts = pair_counts(kinds)
    for loss, field in ((boundary_losses, boundary), (displacement_losses, displacement)):
        parts = [loss(field[part], kinds[part], 3, counts) for part in (slice(1), slice(1, 3))]
        for whole, *own in zip(loss(field, kinds, 3), *parts):
            torch.testing.assert_close(sum(own), whole, rtol=1e-12, atol=0)
