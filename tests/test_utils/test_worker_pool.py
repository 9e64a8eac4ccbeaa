import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import cv2
import pytest

from bas_mm.utils.worker_pool import worker_pool

MASTER = """
import os, sys, time
from bas_mm.utils.worker_pool import worker_pool

if __name__ == '__main__':
    with worker_pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(100)
"""


def test_workers_end_with_a_killed_master(tmp_path):
    (tmp_path / 'master.py').write_text(MASTER)
    root = Path(__file__).resolve().parents[2]
    master = subprocess.Popen(
        [sys.executable, 'master.py'], cwd=tmp_path, env={'PYTHONPATH': str(root)}, stdout=-1
    )
    worker = Path('/proc', master.stdout.readline().decode().strip())
    assert worker.is_dir()
    master.kill()
    master.wait()
    master.stdout.close()
    deadline = time.monotonic() + 30
    # An orphan that nobody waits for may stay as a zombie.
    while worker.is_dir() and 'State:\tZ' not in (worker / 'status').read_text():
        assert time.monotonic() < deadline, 'the worker outlives its master'
        time.sleep(0.02)


@pytest.mark.parametrize(
    ('variable', 'threads_of'),
    [
        # torch, where a worker imports it, reads this variable.
        ('OMP_NUM_THREADS', partial(os.getenv, 'OMP_NUM_THREADS')),
        ('OPENCV_FOR_THREADS_NUM', cv2.getNumThreads),
    ],
)
def test_workers_have_one_thread_each(monkeypatch, variable, threads_of):
    """Unless the user has chosen."""
    for chosen, threads in ((None, 1), ('3', 3)):
        monkeypatch.delenv(variable, raising=False)
        if chosen is not None:
            monkeypatch.setenv(variable, chosen)
        with worker_pool(1) as pool:
            assert int(pool.submit(threads_of).result()) == threads


def test_no_workers_work_here_and_at_once():
    """Nothing waits in memory, and a sum moves on with each task."""
    done = []

    def work(number: int) -> int:
        done.append(number)
        return 6 // number

    with worker_pool(0) as pool:
        future = pool.submit(work, 3)
        assert future.done()
        assert future.result() == 2
        failed = pool.submit(work, 0)
        with pytest.raises(ZeroDivisionError):
            failed.result()
        results = pool.map(work, [1, 2])
        assert done == [3, 0]
        assert next(results) == 6
        assert done == [3, 0, 1]

        def stop() -> None:
            raise KeyboardInterrupt

        # Ctrl-C is no error of a task.
        with pytest.raises(KeyboardInterrupt):
            pool.submit(stop)
