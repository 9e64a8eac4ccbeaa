import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

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


def test_the_loss_is_the_cross_entropy_of_the_pixels_that_are_not_ignored():
    torch.manual_seed(0)
    scores, labels = torch.randn(2, 4, 5, 6), torch.randint(0, 4, (2, 5, 6))
    labels[:, :3] = 255
    samples = [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]
    loss = build().loss_by_feat(scores, samples)['loss_ce']
    shares = scores.exp() / scores.exp().sum(1, keepdim=True)
    terms = [
        -shares[n, labels[n, y, x], y, x].log()
        for n in range(2)
        for y in range(3, 5)
        for x in range(6)
    ]
    torch.testing.assert_close(loss, sum(terms) / 24)


def test_dropout_where_it_is_asked_for():
    head = build(dropout_ratio=0.5).train()
    features = torch.ones(1, 6, 4, 4)
    torch.manual_seed(0)
    dropped = head([features])
    torch.manual_seed(0)
    kept = F.dropout2d(features, 0.5)
    assert 0 < kept.count_nonzero() < kept.numel()
    torch.testing.assert_close(dropped, sum(conv(kept) for conv in head.convs))
    whole = head.eval()([features])
    torch.testing.assert_close(whole, sum(conv(features) for conv in head.convs))
