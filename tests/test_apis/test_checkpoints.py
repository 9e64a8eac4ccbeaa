"""Checkpoints are read whole, whatever runners put into them, or refused in one line."""

from pathlib import Path

import pytest
import torch
from mmengine.runner import Runner
from tiny_run import CLASSES, tiny_run_cfg, write_split_folder
from torch import nn

from bas_mm.apis.checkpoints import fill_model, load_model, read_checkpoint
from bas_mm.registry import MODELS


@pytest.mark.parametrize('ema', [False, True])
def test_the_checkpoint_of_a_runner(tmp_path, ema):
    root = write_split_folder(tmp_path / 'data', dict(train=4, test=2))
    cfg = tiny_run_cfg(root, tmp_path / 'work', epochs=1)
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.experiment_name = f'checkpoints_{tmp_path.name}_{ema}'
    cfg.custom_hooks = [dict(type='EMAHook')] if ema else []
    runner = Runner.from_cfg(cfg)
    runner.train()
    path = str(tmp_path / 'work' / 'epoch_1.pth')
    found, whole = read_checkpoint(path), torch.load(path, weights_only=False)
    assert found.keys() == whole.keys()
    assert ('ema_state_dict' in found) == ema
    for part in {'state_dict', 'ema_state_dict'} & found.keys():
        assert found[part].keys() == whole[part].keys()
        assert all(torch.equal(value, whole[part][k]) for k, value in found[part].items())
    assert found['meta'] == whole['meta']
    assert tuple(found['meta']['dataset_meta']['classes']) == tuple(CLASSES)
    runtime = whole['message_hub']['runtime_info']
    assert found['message_hub']['runtime_info']['cfg'] == runtime['cfg']
    model = MODELS.build(cfg.model)
    assert fill_model(model, found, path) == []
    loaded, wanted = load_model(cfg, Path(path)).state_dict(), model.state_dict()
    assert loaded.keys() == wanted.keys()
    assert all(torch.equal(value, wanted[key]) for key, value in loaded.items())


@pytest.mark.parametrize('wrap', [False, True])
def test_prefixes_and_entries_that_the_model_does_not_have(wrap):
    torch.manual_seed(0)
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    state = {f'module.{key}': value for key, value in other.state_dict().items()}
    state['module.more'] = torch.zeros(1)
    assert fill_model(model, dict(state_dict=state) if wrap else state, 'c.pth') == ['more']
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, other.bias)


def test_what_is_no_checkpoint(tmp_path):
    path = tmp_path / 'c.pth'
    with pytest.raises(FileNotFoundError, match=r'there is no checkpoint .*c\.pth'):
        read_checkpoint(path)
    for content, message in (
        (nn.Linear(2, 2), r'c\.pth is no checkpoint: it holds a Linear'),
        (dict(a=torch.ones(2)), r'c\.pth: The checkpoint does not fit the model\. missing 2'),
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match=message):
            fill_model(nn.Linear(2, 2), read_checkpoint(str(path)), str(path))
    path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match=r'c\.pth cannot be read \(UnpicklingError'):
        read_checkpoint(str(path))
