"""CheckpointKeysHook."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import get_priority
from torch import nn

from bas_mm.engine.hooks import CheckpointKeysHook, require_all_weights


@pytest.fixture
def runner():
    return SimpleNamespace(model=nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))


def check(runner, state, wrap=True):
    CheckpointKeysHook().after_load_checkpoint(runner, {'state_dict': state} if wrap else state)


def test_what_fits_passes(runner):
    state = runner.model.state_dict()
    before = {key: value.clone() for key, value in state.items()}
    check(runner, state)
    check(runner, state, wrap=False)
    check(runner, {f'module.{key}': value for key, value in state.items()})
    check(runner, {**state, 'more': torch.zeros(1)})
    assert require_all_weights(runner.model, {**state, 'more': torch.zeros(1)}) == ['more']
    assert all(torch.equal(value, state[key]) for key, value in before.items())


def test_no_hook_changes_the_checkpoint_after_it():
    assert get_priority(CheckpointKeysHook.priority) == get_priority('LOWEST')


def test_missing_and_reshaped_weights_are_named(runner):
    state = runner.model.state_dict()
    state['0.weight'] = torch.zeros(5, 2)
    del state['1.running_mean']
    with pytest.raises(RuntimeError, match=r'missing 1: 1\.running_mean; of another shape 1: 0\.w'):
        check(runner, state)
