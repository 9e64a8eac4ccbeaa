"""The formulas against slow computations written out here."""

import pytest
import torch

from bas_mm.models.functional import (
    area,
    background_activation_suppression,
    background_features,
    foreground_score,
    take_class,
    take_maps,
    top_classes,
    z,
)


def test_z_is_the_mean_over_pixels():
    maps = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    slow = [[sum(maps[n, c].flatten().tolist()) / 20 for c in range(3)] for n in range(2)]
    torch.testing.assert_close(z(maps), torch.tensor(slow, dtype=torch.float64))


def test_half_precision_means_are_taken_in_float32():
    maps = torch.full((1, 1, 64, 64), 0.1, dtype=torch.bfloat16)
    assert z(maps).dtype == torch.float32
    assert area(maps).dtype == torch.float32
    assert z(maps).item() == pytest.approx(float(maps[0, 0, 0, 0]), rel=1e-6)


def test_foreground_score_pools_two_by_two():
    maps = torch.randn(2, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    foreground = torch.rand(2, 1, 6, 8, dtype=torch.float64, requires_grad=True)
    slow = torch.zeros(2, 3, dtype=torch.float64)
    for n in range(2):
        for c in range(3):
            for i in range(3):
                for j in range(4):
                    block = foreground[n, 0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                    slow[n, c] += maps[n, c, i, j] * block.sum() / 4 / 12
    fast = foreground_score(maps, foreground)
    torch.testing.assert_close(fast, slow)
    weight = torch.randn_like(slow)
    for ours, expected in zip(
        torch.autograd.grad((fast * weight).sum(), (maps, foreground)),
        torch.autograd.grad((slow * weight).sum(), (maps, foreground)),
    ):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize('size', [(28, 28), (25, 28), (7, 14)])
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.bfloat16])
def test_foreground_score_is_that_of_adaptive_pooling_bit_for_bit(size, dtype):
    maps, foreground = torch.randn(2, 3, 14, 14).to(dtype), torch.rand(2, 1, *size).to(dtype)
    pooled = torch.nn.functional.adaptive_avg_pool2d(foreground, (14, 14))
    assert torch.equal(foreground_score(maps, foreground), z(maps * pooled))


@pytest.mark.parametrize('size', [(28, 28), (29, 28), (29, 29), (3, 2), (3, 29)])
def test_foreground_score_pools_by_kernel_and_stride_2(size):
    # A tail of pooling makes 14 of 29 as of 28 rows, and sees none of the last.
    half = [side // 2 for side in size]
    maps, foreground = torch.randn(2, 3, *half).double(), torch.rand(2, 1, *size).double()
    cut = foreground[:, :, : 2 * half[0], : 2 * half[1]]
    pooled = sum(cut[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4
    torch.testing.assert_close(foreground_score(maps, foreground), z(maps * pooled))


@pytest.mark.parametrize(('rows', 'kernel'), [(13, 4), (10, 3)])
def test_foreground_score_pools_each_side_by_a_kernel_of_its_own(rows, kernel):
    maps, foreground = torch.randn(2, 3, 3, 7).double(), torch.rand(2, 1, rows, 15).double()
    pooled = torch.nn.functional.avg_pool2d(foreground, (kernel, 2))
    torch.testing.assert_close(foreground_score(maps, foreground), z(maps * pooled))


def test_foreground_score_without_pooling_where_sizes_agree():
    maps, foreground = torch.randn(1, 2, 5, 5), torch.rand(1, 1, 5, 5)
    torch.testing.assert_close(foreground_score(maps, foreground), z(maps * foreground))


def test_background_features_send_gradient_to_the_map_only():
    features = torch.randn(2, 3, 4, 4, requires_grad=True)
    foreground = torch.rand(2, 1, 4, 4, requires_grad=True)
    out = background_features(features, foreground)
    torch.testing.assert_close(out, features * (1 - foreground))
    out.sum().backward()
    assert features.grad is None
    torch.testing.assert_close(foreground.grad, -features.detach().sum(1, keepdim=True))


def test_background_features_of_half_precision_take_the_difference_in_the_maps_own():
    # 0.9985 is 1 in bfloat16: cast before it, nothing of the background would be left.
    features = torch.ones(1, 2, 1, 1, dtype=torch.bfloat16)
    out = background_features(features, torch.full((1, 1, 1, 1), 0.9985))
    assert out.dtype == torch.bfloat16
    assert out.flatten().tolist() == pytest.approx([0.0015] * 2, rel=1e-2)


@pytest.mark.parametrize('saturated', [1.0, 0.0])
def test_background_activation_suppression_case_by_case(saturated):
    # ratio; S_b above S: constant; equal: ratio just below 1; S_b <= 0: 0; S <= 0 < S_b: constant.
    score = torch.tensor([2.0, 1.0, 3.0, 1.0, -1.0, -1.0], dtype=torch.float64, requires_grad=True)
    back = torch.tensor([0.5, 1.5, 3.0, -2.0, 0.2, -0.2], dtype=torch.float64, requires_grad=True)
    loss = background_activation_suppression(score, back, saturated)
    expected = [0.5 / (2 + 1e-8), saturated, 3 / (3 + 1e-8), 0.0, saturated, 0.0]
    torch.testing.assert_close(loss, torch.tensor(expected, dtype=torch.float64))
    loss.sum().backward()
    assert score.grad is None
    slope = [1 / (2 + 1e-8), 0.0, 1 / (3 + 1e-8), 0.0, 0.0, 0.0]
    torch.testing.assert_close(back.grad, torch.tensor(slope, dtype=torch.float64))


def test_background_activation_suppression_of_faint_scores_and_by_default():
    # 1e-8 is as much as the first score itself; then the constant is 1, whatever the ratio.
    score, back = torch.tensor([[1e-8, 1e-9, 1.0], [5e-9, 2e-9, 2.0]], dtype=torch.float64)
    assert background_activation_suppression(score, back).tolist() == pytest.approx([0.25, 1, 1])


def test_background_activation_suppression_of_half_precision_is_computed_in_float32():
    # 1e-8 is 0 in float16, and 0 / 0 no number.
    score, back = torch.tensor([[-1.0, 3.0], [-1.0, 1.0]], dtype=torch.float16)
    for scores in ((score, back), (score.float(), back), (score, back.float())):
        loss = background_activation_suppression(*scores)
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, torch.tensor([0, 1 / 3]))


def test_area_is_the_mean_of_each_image():
    foreground = torch.rand(3, 1, 4, 6)
    slow = torch.stack([m.sum() / 24 for m in foreground])
    torch.testing.assert_close(area(foreground), slow)


def test_take_class():
    scores = torch.arange(6.0).reshape(2, 3)
    assert take_class(scores, torch.tensor([2, 0])).tolist() == [2.0, 3.0]


def test_take_maps():
    maps = torch.arange(12.0).reshape(2, 3, 1, 2)
    assert take_maps(maps, None) is maps
    taken = take_maps(maps, torch.tensor([[2, 0], [1, 1]]))
    assert taken.tolist() == [[[[4.0, 5.0]], [[0.0, 1.0]]], [[[8.0, 9.0]], [[8.0, 9.0]]]]


@pytest.mark.parametrize('k', [1, 2, 150])
def test_top_classes_of_equal_scores_are_the_first(k):
    # So many that sorting them is not stable by chance.
    scores = torch.zeros(2, 200)
    scores[1, 120] = 1
    first = list(range(k))
    later = [120, *(c for c in range(200) if c != 120)][:k]
    assert top_classes(scores, k).tolist() == [first, later]


@pytest.mark.parametrize('size', [(14, 28), (28, 14)])
def test_foreground_score_where_one_side_alone_is_pooled(size):
    maps, foreground = torch.randn(2, 3, 14, 14).double(), torch.rand(2, 1, *size).double()
    pooled = foreground.reshape(2, 1, 14, size[0] // 14, 14, size[1] // 14).mean((3, 5))
    torch.testing.assert_close(foreground_score(maps, foreground), z(maps * pooled))
