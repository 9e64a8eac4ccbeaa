"""Features that do not fit a head: named by the config's key, where training meets them."""

import pytest
import torch
from tiny import samples_of, tiny_model_cfg

from bas_mm.models.functional import require_feature_map
from bas_mm.registry import MODELS

IMAGES = torch.zeros(2, 3, 32, 32)


@pytest.mark.parametrize(
    ('part', 'method'),
    [('generator', 'BASClassifier'), ('head', 'BASClassifier'), ('head', 'CAMClassifier')],
)
@pytest.mark.parametrize('mode', ['loss', 'predict'])
def test_channels_that_differ_from_the_config(part, method, mode):
    cfg = tiny_model_cfg(method)
    right = cfg[part]['in_channels']
    cfg[part]['in_channels'] = right + 1
    key = f'model.{part}.in_channels'
    message = rf'{key}={right + 1}, but .* gives {right} channels: set {key}={right}'
    with pytest.raises(ValueError, match=message):
        MODELS.build(cfg).eval()(IMAGES, samples_of((0, 1)), mode=mode)


def test_what_is_no_feature_map():
    for features, found in ((torch.zeros(2, 49, 8), r'\(2, 49, 8\)'), ((1, 2), 'tuple')):
        with pytest.raises(ValueError, match=f'a stage gives {found}, but a feature map'):
            require_feature_map(features, 8, 'model.head.in_channels', 'a stage')
    require_feature_map(torch.zeros(2, 8, 7, 7), 8, 'model.head.in_channels', 'a stage')
