"""How commands end; the beginning of distributed ones is in test_tools/test_train_test_cli.py."""

import logging
import os
import sys

import pytest
import torch.distributed as dist
from mmengine.config import Config

from bas_mm.command_line import close_process_group, fail_on_input_errors
from bas_mm.datasets import UnreadableImageError


@pytest.mark.parametrize(
    ('backend', 'expected'),
    [
        ('gloo', ['exit 0']),  # with older torch its group can take for ever to destroy
        ('nccl', ['destroyed']),
        (None, []),
    ],
)
def test_how_a_job_ends(monkeypatch, backend, expected):
    seen = []
    monkeypatch.setattr(dist, 'is_initialized', lambda: backend is not None)
    monkeypatch.setattr(dist, 'get_backend', lambda: backend)
    monkeypatch.setattr(dist, 'destroy_process_group', lambda: seen.append('destroyed'))
    # Of the process of the tests, which goes on.
    monkeypatch.setattr(logging, 'shutdown', lambda: None)
    monkeypatch.setattr(os, '_exit', lambda status: seen.append(f'exit {status}'))
    close_process_group()
    assert seen == expected


@pytest.mark.parametrize(
    ('rank', 'expected'),
    [
        (None, 'train.py: error: c.py: unreadable picture a.jpg\n'),
        ('0', 'train.py: error: c.py: unreadable picture a.jpg\n'),
        ('3', 'train.py: error: c.py in process 3: unreadable picture a.jpg\n'),
    ],
)
def test_each_process_tells_its_own_errors(monkeypatch, capsys, rank, expected):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    monkeypatch.delenv('BAS_MM_TRACEBACK', raising=False)
    monkeypatch.delenv('RANK', raising=False)
    if rank is not None:
        monkeypatch.setenv('RANK', rank)
    with pytest.raises(SystemExit) as caught, fail_on_input_errors(Config({}), 'c.py'):
        raise UnreadableImageError('unreadable picture a.jpg')
    assert caught.value.code == 2
    assert capsys.readouterr().err == expected


def test_other_errors_pass():
    with pytest.raises(ValueError, match='too many'), fail_on_input_errors(Config({}), 'c.py'):
        _first, _second = range(3)
