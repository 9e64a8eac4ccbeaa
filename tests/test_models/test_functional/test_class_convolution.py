"""Chosen channels of a convolution against the whole convolution."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from bas_mm.models.functional import class_convolution


@pytest.mark.parametrize('kernel', [1, 3, 5])
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_those_of_the_whole_convolution(kernel, bias, layout):
    random = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    features = draw(3, 6, 7, 9).to(memory_format=layout).requires_grad_()
    weight, offset = draw(11, 6, kernel, kernel).requires_grad_(), draw(11).requires_grad_()
    # One class twice, in two images and in one.
    classes = torch.tensor([[3, 10], [3, 0], [7, 7]])
    arguments = (features, weight, offset) if bias else (features, weight)

    whole = F.conv2d(features, weight, offset if bias else None, padding=kernel // 2)
    expected = torch.stack([whole[i, row] for i, row in enumerate(classes)])
    maps = class_convolution(features, weight, offset if bias else None, classes)
    torch.testing.assert_close(maps, expected, rtol=1e-12, atol=1e-12)

    out = draw(*maps.shape)
    ours = torch.autograd.grad((maps * out).sum(), arguments)
    theirs = torch.autograd.grad((expected * out).sum(), arguments)
    for a, b in zip(ours, theirs):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_a_kernel_of_one_point_has_nothing_to_fold_or_to_mirror(monkeypatch):
    monkeypatch.setattr(F, 'fold', None)
    features, weight = torch.randn(2, 3, 4, 5), torch.randn(6, 3, 1, 1)
    with _Calls() as calls:
        maps = class_convolution(features, weight, None, torch.tensor([[5], [0]]))
    assert 'flip' not in [name for name, _ in calls.seen]
    expected = torch.stack(
        [(weight[c, :, 0, 0, None, None] * f).sum(0) for c, f in zip((5, 0), features)]
    )
    torch.testing.assert_close(maps[:, 0], expected)


def test_half_precision_sums_the_taps_in_float32():
    features, weight = torch.randn(2, 64, 6, 6), torch.randn(9, 64, 3, 3)
    classes = torch.tensor([[1], [4]])
    half = class_convolution(features.bfloat16(), weight.bfloat16(), None, classes)
    assert half.dtype == torch.float32
    full = class_convolution(features, weight, None, classes)
    assert (half - full).abs().max() < 0.02 * full.abs().max()


@pytest.mark.parametrize('wrong', [-1, 9])
def test_classes_that_there_are_not(wrong):
    features, weight, bias = torch.randn(1, 4, 6, 6), torch.randn(9, 4, 3, 3), torch.randn(9)
    with pytest.raises((IndexError, RuntimeError), match='out of'):
        class_convolution(features, weight, bias, torch.tensor([[wrong]]))


class _Calls(TorchDispatchMode):
    """Operators that run, with the shape of their first argument."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        shape = args[0].shape if args and isinstance(args[0], torch.Tensor) else None
        self.seen.append((func.overloadpacket.__name__, shape))
        return func(*args, **(kwargs or {}))


def test_the_gradient_takes_no_launch_per_image_and_sorts_nothing():
    features = torch.randn(4, 6, 5, 5, requires_grad=True)
    weight, bias = torch.randn(9, 6, 3, 3, requires_grad=True), torch.randn(9, requires_grad=True)
    maps = class_convolution(features, weight, bias, torch.tensor([[1, 2], [4, 4], [0, 8], [3, 1]]))
    with _Calls() as calls:
        maps.sum().backward()
    names = [name for name, _ in calls.seen]
    # CUDA's im2col loops over the first dimension of (N, C, h, w).
    assert [shape for name, shape in calls.seen if name == 'im2col'] == [(1, 8, 5, 5)]
    assert not [name for name in names if name.startswith(('index_put', '_index_put', 'sort'))]
    assert 'index_add' in ' '.join(names)
