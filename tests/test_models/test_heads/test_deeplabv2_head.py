import pytest
import torch
import torch.nn.functional as F

from bas_mm.registry import MODELS


def build(**settings):
    return MODELS.build(dict(type='DeepLabV2Head', in_channels=6, num_classes=4, **settings))


def test_sum_of_separate_convolutions(randomize):
    head = build(in_index=1)
    randomize(head)
    features = torch.randn(2, 6, 29, 31)
    weights = [p for p in head.parameters() if p.dim() == 4]
    biases = [p for p in head.parameters() if p.dim() == 1]
    assert [tuple(w.shape) for w in weights] == [(4, 6, 3, 3)] * 4
    padded = F.pad(features, (24, 24, 24, 24))
    expected = torch.zeros(2, 4, 29, 31)
    for weight, bias, rate in zip(weights, biases, (6, 12, 18, 24)):
        expected += bias[:, None, None]
        for row in range(3):
            for column in range(3):
                top, left = 24 + (row - 1) * rate, 24 + (column - 1) * rate
                view = padded[:, :, top : top + 29, left : left + 31]
                expected += torch.einsum('nchw,kc->nkhw', view, weight[:, :, row, column])
    found = head([torch.zeros(0), features])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_initialisation_and_no_idle_weights():
    head = MODELS.build(dict(type='DeepLabV2Head', in_channels=512, num_classes=21))
    head.init_weights()
    for conv in head.convs:
        assert conv.weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert conv.weight.abs().max() > 0.03  # a normal distribution has tails
        assert not conv.bias.any()
    head.train()
    features = torch.randn(1, 512, 3, 3)
    head([features]).sum().backward()
    assert all(p.grad is not None for p in head.parameters())
    assert torch.equal(head([features]), head([features]))  # no dropout


def test_other_dilations_and_none():
    assert [c.dilation[0] for c in build(dilations=(1, 3)).convs] == [1, 3]
    with pytest.raises(ValueError, match='dilations is empty'):
        build(dilations=())
