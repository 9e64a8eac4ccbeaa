"""Models and samples that need no files."""

import torch
from mmengine.config import Config
from mmpretrain.structures import DataSample
from tiny import tiny_model_cfg

from bas_mm.benchmarking.networks import collate_of, initial_model, without_weights


def test_without_weights():
    """No checkpoint is read, and another number of classes reaches all that depends on it."""
    cfg = Config(dict(model=tiny_model_cfg(topk=4, threshold=0.1), load_from='no/such/file.pth'))
    cfg.model.backbone.init_cfg = dict(type='PretrainedBackbone', checkpoint='no/such/file.pth')
    assert without_weights(cfg, 3) is cfg
    assert cfg.load_from is None
    model = initial_model(cfg)
    scores, maps = model(torch.rand(1, 3, 32, 32))
    assert scores.shape == (1, 3)
    assert maps.shape[:2] == (1, 3)
    assert model.test_cfg.topk == 3


def test_collate_of():
    items = [dict(inputs=torch.zeros(3, 2, 2), data_samples=DataSample()) for _ in range(2)]
    default = collate_of(dict(collate_fn=dict(type='default_collate')))
    assert default(items)['inputs'].shape == (2, 3, 2, 2)
    assert isinstance(collate_of({})(items)['inputs'], list)
