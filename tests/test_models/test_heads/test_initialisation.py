"""The weights that are new to a network (spec wsol.md, Networks): Xavier uniform, bias 0."""

import pytest
import torch

from bas_mm.registry import MODELS


@pytest.mark.parametrize(
    ('cfg', 'biases'),
    [
        (dict(type='CAMHead', hidden_channels=24), 3),
        (dict(type='MultiLabelCAMHead'), 0),
        (dict(type='ForegroundGenerator'), 1),
        (dict(type='ForegroundGenerator', bias=False), 0),
    ],
    ids=str,
)
def test_xavier_uniform_and_no_bias(cfg, biases):
    torch.manual_seed(0)
    module = MODELS.build(dict(cfg, num_classes=40, in_channels=50))
    module.init_weights()
    found = []
    for name, parameter in module.named_parameters():
        if name.endswith('bias'):
            found.append(name)
            assert not parameter.any()
            continue
        out, into, *kernel = parameter.shape
        limit = (6 / ((out + into) * kernel[0] * kernel[1])) ** 0.5
        # A normal distribution of the same spread goes further; others fill another range.
        assert 0.99 * limit < parameter.abs().max() <= limit
        assert parameter.std().item() == pytest.approx(limit / 3**0.5, rel=0.05)
    assert len(found) == biases


def test_the_classifier_is_the_published_one():
    with torch.device('meta'):
        head = MODELS.build(dict(type='CAMHead', num_classes=200, in_channels=512))
    shapes = [tuple(parameter.shape) for parameter in head.parameters()]
    assert shapes == [
        *((1024, 512, 3, 3), (1024,)),
        *((1024, 1024, 3, 3), (1024,)),
        *((200, 1024, 1, 1), (200,)),
    ]
