"""A module's modes around a look at it."""

import pytest
import torch.nn as nn

from bas_mm.engine.evaluation_mode import evaluation_mode


def test_every_part_gets_its_own_mode_back():
    module = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.Dropout(), nn.ReLU()), nn.ReLU())
    module[1].eval()
    module[2].training = False
    before = [part.training for part in module.modules()]
    assert set(before) == {True, False}
    with pytest.raises(RuntimeError), evaluation_mode(module) as same:
        assert same is module
        assert not any(part.training for part in module.modules())
        raise RuntimeError
    assert [part.training for part in module.modules()] == before
