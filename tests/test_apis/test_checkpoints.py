"""Checkpoints are read whole, whatever runners put into them, and run nothing."""

import os
import threading
from collections import OrderedDict, defaultdict
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from mmengine.runner import Runner
from tiny_run import CLASSES, tiny_run_cfg, write_split_folder
from torch import nn

from bas_mm.apis.checkpoints import fill_model, read_checkpoint
from bas_mm.registry import MODELS


class Program:
    """An object that runs a command when it is read."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.system, (f'touch {self.mark}',)


@pytest.mark.parametrize('legacy', [False, True])
def test_nothing_is_run_and_all_else_is_read(tmp_path, legacy):
    weights = OrderedDict(a=torch.randn(3), b=nn.Parameter(torch.randn(2, 2).half()))
    meta = dict(
        array=np.arange(3.0),
        number=np.float32(0.5),
        bytes=b'\x00\xff',
        some={1, 2},
        dtype=torch.bfloat16,
        size=torch.Size([2]),
        cfg=ConfigDict(a=dict(b=(1, 2))),
        default=defaultdict(list, a=[1]),
    )
    log = HistoryBuffer([1.0, 2.0], [1, 1])
    saved = dict(state_dict=weights, meta=meta, program=Program(tmp_path / 'mark'), log=log)
    torch.save(saved, tmp_path / 'c.pth', _use_new_zipfile_serialization=not legacy)
    found = read_checkpoint(str(tmp_path / 'c.pth'))
    assert not (tmp_path / 'mark').exists()
    for name, value in weights.items():
        assert torch.equal(found['state_dict'][name], value)
        assert found['state_dict'][name].dtype == value.dtype
    np.testing.assert_array_equal(found['meta'].pop('array'), meta.pop('array'))
    assert found['meta'] == meta
    # The file is as dangerous as it looks.
    torch.load(tmp_path / 'c.pth', weights_only=False)
    assert (tmp_path / 'mark').exists()


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


def test_what_is_no_checkpoint(tmp_path):
    path = str(tmp_path / 'c.pth')
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(ValueError, match='c.pth is no checkpoint but a whole Python object'):
        read_checkpoint(path)
    model = nn.Linear(2, 2)
    torch.save({**model.state_dict(), 'bias': Program(tmp_path / 'mark')}, path)
    with pytest.raises(ValueError, match='c.pth: bias is a Nothing, no tensor'):
        fill_model(model, read_checkpoint(path), path)
    torch.save(dict(state_dict=Program(tmp_path / 'mark')), path)
    with pytest.raises(ValueError, match='c.pth: state_dict holds no weights'):
        fill_model(model, read_checkpoint(path), path)
    assert not (tmp_path / 'mark').exists()


def test_a_checkpoint_of_the_web(tmp_path, monkeypatch):
    """It is kept, and read as a local one is."""
    (tmp_path / 'served').mkdir()
    saved = dict(state_dict=dict(a=torch.ones(2)), program=Program(tmp_path / 'mark'))
    torch.save(saved, tmp_path / 'served' / 'c.pth')
    monkeypatch.setattr('torch.hub.get_dir', lambda: str(tmp_path / 'hub'))
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / 'served')
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        url = f'http://127.0.0.1:{httpd.server_address[1]}/c.pth'
        found = read_checkpoint(f'{url}?download=1')
        with pytest.raises(
            ValueError, match=r'none\.pth cannot be read \(HTTPError: HTTP Error 404'
        ):
            read_checkpoint(url.replace('c.pth', 'none.pth'))
        httpd.shutdown()
    assert torch.equal(found['state_dict']['a'], torch.ones(2))
    assert read_checkpoint(url)['state_dict'].keys() == {'a'}
    assert not (tmp_path / 'mark').exists()
