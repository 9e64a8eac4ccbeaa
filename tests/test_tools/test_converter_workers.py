"""The worker processes of converters end as their master does, and silently."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from modules import load_module

from bas_mm.command_line import run_command
from bas_mm.datasets import split_writer


def say_and_wait(_: object) -> None:
    """The work of the workers: it lasts longer than the test, and says whose it is."""
    os.write(1, f'{os.getpid()}\n'.encode())
    time.sleep(20)


def read_sizes() -> None:
    split_writer._FEW, split_writer.picture_size = 1, say_and_wait
    split_writer.read_picture_sizes([dict(img_path=str(i)) for i in range(512)], workers=2)


def write_masks() -> None:
    converters = Path(__file__).resolve().parents[2] / 'tools/dataset_converters'
    converter = load_module(converters / 'coco14_lists.py')
    converter.write_mask = say_and_wait
    converter.write_masks(list(range(64)), 'masks', workers=2)


def be_master(work: Callable[[], None], output: int, errors: str) -> None:
    """The command, as if a terminal had started it."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv, sys.stdout, sys.stderr = ['master'], sys.__stdout__, sys.__stderr__
    os.dup2(output, 1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT), 2)
    run_command(work)


def is_alive(process: int) -> bool:
    """An orphan that nobody waits for may stay as a zombie."""
    try:
        return 'State:\tZ' not in Path(f'/proc/{process}/status').read_text()
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='asks /proc who is alive')
@pytest.mark.parametrize('work', [read_sizes, write_masks])
@pytest.mark.parametrize('sent', [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_master(tmp_path, work, sent):
    reading, writing = os.pipe()
    # A fork, as what commands import takes seconds.
    master = multiprocessing.get_context('fork').Process(
        target=be_master, args=(work, writing, str(tmp_path / 'errors'))
    )
    master.start()
    os.close(writing)
    with open(reading) as said:
        workers = [int(said.readline()) for _ in range(2)]
    assert all(map(is_alive, workers))
    try:
        if sent == signal.SIGKILL:
            master.kill()
        else:
            # A terminal sends it to all of them.
            os.killpg(master.pid, sent)
        master.join(10)
        deadline = time.monotonic() + 10
        while any(map(is_alive, workers)):
            assert time.monotonic() < deadline, 'workers outlive their master'
            time.sleep(0.02)
    finally:
        for process in filter(is_alive, [master.pid, *workers]):
            os.kill(process, signal.SIGKILL)
    error = (tmp_path / 'errors').read_text()
    assert 'Traceback' not in error
    if sent == signal.SIGINT:
        assert master.exitcode == 130
        assert error.splitlines()[-1] == 'master: interrupted'
