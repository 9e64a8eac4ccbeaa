import math

import pytest
import torch

from bas_mm.models.functional import (
    draw_positive_class,
    labelled_weights,
    positives_against_negatives,
)


def _slow(scores: list[float], targets: list[int]) -> float:
    """Softmax cross-entropy of each positive among itself and the negatives, written out."""
    negatives = [math.exp(s) for s, t in zip(scores, targets) if not t]
    total = 0.0
    for score, target in zip(scores, targets):
        if target:
            total -= math.log(math.exp(score) / (math.exp(score) + sum(negatives)))
    return total


TARGETS = torch.tensor([[1, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 0]])


def test_each_positive_competes_with_the_negatives_only():
    scores = (3 * torch.randn(5, 4, generator=torch.Generator().manual_seed(0))).double()
    scores.requires_grad_()
    terms = positives_against_negatives(scores, TARGETS)
    expected = [_slow(s, t) for s, t in zip(scores.tolist(), TARGETS.tolist())]
    torch.testing.assert_close(terms.detach(), torch.tensor(expected, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda s: positives_against_negatives(s, TARGETS), scores)
    terms.sum().backward()
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[2].eq(0).all()  # without negatives there is nothing to learn
    assert scores.grad[3].eq(0).all()


@pytest.mark.parametrize('where', [0, 1])
def test_a_score_that_is_no_number_shows_in_the_loss(where):
    scores = torch.zeros(2, 4)
    scores[0, where] = torch.nan
    scores.requires_grad_()
    terms = positives_against_negatives(scores, torch.tensor([[1, 0, 0, 0], [1, 0, 1, 0]]))
    assert terms.isnan().tolist() == [True, False]
    # Without negatives, too, where the loss of a number is 0.
    assert positives_against_negatives(scores[:1], torch.ones(1, 4)).isnan()
    terms.sum().backward()
    assert scores.grad[0].isnan().any()
    assert scores.grad[1].isfinite().all()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    scores = torch.tensor([[100.0, -100.0, 3.0, 60.0]], dtype=dtype)
    terms = positives_against_negatives(scores, torch.tensor([[0, 1, 1, 0]]))
    assert terms.dtype == torch.float32
    torch.testing.assert_close(terms, torch.tensor([200.0 + 97.0]))


def test_every_positive_class_is_drawn_as_often_as_the_others_and_no_other():
    torch.manual_seed(0)
    targets = torch.tensor([[0.0, 1, 1, 0, 1], [0, 0, 0, 1, 0]]).repeat_interleave(6000, 0)
    drawn = draw_positive_class(targets)
    assert drawn.dtype == torch.int64
    counts = torch.bincount(drawn[:6000], minlength=5) / 6000
    torch.testing.assert_close(counts, torch.tensor([0, 1, 1, 0, 1]) / 3, atol=0.03, rtol=0)
    assert drawn[6000:].eq(3).all()


@pytest.mark.parametrize('dtype', [torch.int64, torch.bool, torch.float16])
def test_classes_are_drawn_from_targets_of_any_type(dtype):
    for seed in range(5):
        torch.manual_seed(seed)
        drawn = draw_positive_class(TARGETS.to(dtype))
        torch.manual_seed(seed)
        assert torch.equal(drawn, draw_positive_class(TARGETS.float()))
        assert TARGETS[[0, 1, 2, 4], drawn[[0, 1, 2, 4]]].all()


def test_weights_make_the_mean_that_of_the_labelled_images():
    values = torch.tensor([3.0, 5.0, 7.0, 11.0, 17.0])
    mean = (values * labelled_weights(TARGETS)).mean()
    torch.testing.assert_close(mean, torch.tensor((3 + 5 + 7 + 17) / 4))
    assert labelled_weights(TARGETS)[3] == 0
    assert labelled_weights(torch.ones(7, 2)).tolist() == [1] * 7  # no bit of a mean changes
    assert labelled_weights(torch.zeros(2, 3)).tolist() == [0, 0]
    assert labelled_weights(TARGETS[2:4]).tolist() == [2, 0]
