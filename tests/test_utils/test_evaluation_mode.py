"""A module's modes around a look at it."""

import pytest
import torch.nn as nn

from bas_mm.utils.evaluation_mode import evaluation_mode


class Broken(nn.Module):
    def forward(self):
        raise RuntimeError('broken')


def test_every_part_gets_its_own_mode_back():
    module = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.Dropout(), nn.ReLU()), Broken())
    module[1].eval()
    before = [part.training for part in module.modules()]
    assert set(before) == {True, False}
    with evaluation_mode(module) as same:
        assert same is module
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == before
    with pytest.raises(RuntimeError, match='broken'), evaluation_mode(module):
        module[2]()
    assert [part.training for part in module.modules()] == before
