"""How a distributed command ends; its beginning is in test_tools/test_train_test_cli.py."""

import logging
import os

import pytest
import torch.distributed as dist

from bas_mm.command_line import close_process_group


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
