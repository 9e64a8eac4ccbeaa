"""A tiny data set, config and command runner for the tests of the tools."""

import io
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import forked_python
import pytest
import torch
from mmengine.utils import ManagerMixin
from tiny_run import write_split_folder

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
_base_ = [
    {model!r},
    {runtime!r},
]
default_scope = 'bas_mm'
model = dict(
    backbone=dict(stem_channels=8, base_channels=16),
    generator=dict(num_classes=4, in_channels=8),
    head=dict(num_classes=4, in_channels=16, hidden_channels=8,
              loss_fg=dict(loss_weight=0.5), loss_amc=dict(area_weight=0.3)),
    test_cfg=dict(topk=1, threshold=0.3),
)
crop = 32
scale = (40, 40)
train_pipeline = [
    dict(type='LoadLocImage'), dict(type='LocResize', scale=scale),
    dict(type='LocRandomCrop', crop_size=crop), dict(type='LocRandomFlip', prob=0.5),
    dict(type='PackLocalizationInputs'),
]
test_pipeline = [
    dict(type='LoadLocImage'), dict(type='LocResize', scale=scale),
    dict(type='LocCenterCrop', crop_size=crop), dict(type='PackLocalizationInputs'),
]
common = dict(num_workers={workers}, persistent_workers={persistent},
              collate_fn=dict(type='default_collate'))
dataset = dict(type='SplitFolder', data_root={data!r}, data_prefix=dict(img_path='images'),
               classes=('red', 'green', 'blue', 'white'))
train_dataloader = dict(
    batch_size=4, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(split_dir='metadata/train', with_boxes=False, pipeline=train_pipeline,
                 **dataset), **common)
val_dataloader = dict(
    batch_size=4, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(split_dir='metadata/val', test_mode=True, pipeline=test_pipeline, **dataset),
    **common)
test_dataloader = val_dataloader
val_evaluator = dict(type='LocalizationMetric', thresholds=[0.3, 0.5, 0.7])
test_evaluator = val_evaluator
optim_wrapper = dict(
    type='OptimWrapper', constructor='RecipeOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True))
param_scheduler = dict(type='StepLR', by_epoch=True, step_size=2, gamma=0.5)
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=2)
val_cfg = dict()
test_cfg = dict()
auto_scale_lr = dict(enable=False, base_batch_size=8)
"""


class TinyProject:
    """16 training pictures, 11 for validation, a small network, and the commands on them.

    Args:
        folder (Path): An empty folder.
        workers (int): Worker processes of the data loaders.
        persistent (bool): Whether these outlive an epoch.
    """

    def __init__(self, folder: Path, workers: int = 0, persistent: bool = False) -> None:
        self.folder = folder
        data = folder / 'data'
        write_split_folder(data, dict(train=16, val=11))
        self.config = folder / 'tiny.py'
        self.config.write_text(
            CONFIG.format(
                model=(ROOT / 'configs/_base_/models/bas_small.py').as_posix(),
                runtime=(ROOT / 'configs/_base_/default_runtime.py').as_posix(),
                data=data.as_posix(),
                workers=workers,
                persistent=persistent,
            )
        )

    @staticmethod
    def environment(**variables: str) -> dict[str, str]:
        """Variables of a command: one thread, this Python, no accelerator, no foreign paths."""
        env = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'RANK')}
        env.update(OMP_NUM_THREADS='1', PYTHON=sys.executable, CUDA_VISIBLE_DEVICES='-1')
        return {**env, **variables}

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run a tool in the project's folder: 'train.py' with its arguments, 'dist_train.sh' ..."""
        done = subprocess.run(
            self.command(*command),
            cwd=self.folder,
            env=self.environment(PORT=str(free_port())),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    def run_forked(self, *command: str) -> subprocess.CompletedProcess:
        """Run a tool in processes that need not import anything, as its script would start them."""
        env = self.environment(PORT=str(free_port()))
        done = run_script_forked(self.command(*command), self.folder, env)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    def run_here(self, tool: str, *arguments, check: bool = True) -> subprocess.CompletedProcess:
        """Run a tool in this process: most of a command's time goes to its imports."""
        done = run_in_process(ROOT / 'tools' / tool, arguments, self.folder)
        assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done

    def run_ranks(self, tool: str, *arguments, check: bool = True) -> subprocess.CompletedProcess:
        """Run a tool in two forked processes that torch.distributed.run would have started."""
        context, port = multiprocessing.get_context('fork'), str(free_port())
        files = [[self.folder / f'rank{rank}.{name}' for name in ('out', 'err')] for rank in (0, 1)]

        def run(rank: int) -> None:
            numbers = dict(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2')
            os.environ.update(**numbers, MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
            # To files: a command of several processes ends without coming back here.
            sys.stdout, sys.stderr = (file.open('w') for file in files[rank])
            words = [*arguments, '--launcher', 'pytorch']
            sys.exit(_run_script(ROOT / 'tools' / tool, words, self.folder))

        processes = [context.Process(target=run, args=(rank,)) for rank in (0, 1)]
        for process in processes:
            process.start()
        deadline = time.monotonic() + 300
        while any(process.is_alive() for process in processes):
            # After an error the other one waits in vain.
            if time.monotonic() > deadline or any(process.exitcode for process in processes):
                for process in processes:
                    process.kill()
            time.sleep(0.02)
        code = max(abs(process.exitcode) for process in processes)
        out, err = (''.join(pair[i].read_text() for pair in files) for i in (0, 1))
        assert not check or code == 0, out[-4000:] + err[-4000:]
        return subprocess.CompletedProcess(tool, code, out, err)

    @staticmethod
    def make_it_fail(monkeypatch, function: str, kind: type[Exception]) -> None:
        """Let a function of the package raise an error that is none of the package's own."""

        def fails(*_):
            raise kind('made to fail')

        monkeypatch.setattr(function, fails)

    @classmethod
    def check_errors_of_making(cls, monkeypatch, function: str, refused, run) -> None:
        """Of files that are made a disk's error is refused in one line, a program's passes."""
        cls.make_it_fail(monkeypatch, function, OSError)
        refused()
        for kind in (ValueError, RuntimeError):
            cls.make_it_fail(monkeypatch, function, kind)
            with pytest.raises(kind, match='made to fail'):
                run()

    @staticmethod
    def command(tool: str, *arguments: str) -> list[str]:
        """A tool and its arguments as a command."""
        program = 'bash' if tool.endswith('.sh') else sys.executable
        return [program, str(ROOT / 'tools' / tool), *map(str, arguments)]

    def run_until(self, reached: Callable[[], bool], *command: str) -> None:
        """Run a tool and kill it, workers and all, as soon as something is reached."""
        tool, *arguments = command
        with forked(ROOT / 'tools' / tool, arguments, self.folder) as process:
            deadline = time.monotonic() + 300
            while not reached():
                assert process.is_alive(), 'the command ended before it could be killed'
                assert time.monotonic() < deadline, 'the command did not get there'
                time.sleep(0.002)


def run_script_forked(
    command: Sequence[str], folder: Path, env: dict[str, str]
) -> subprocess.CompletedProcess:
    """Run a command in forks; of a shell script that starts ``$PYTHON`` what it starts.

    Args:
        command: The command.
        folder: The working directory.
        env: Its variables.
    """
    if command[0] == 'bash':
        note, stub = folder / '.python_was_asked', folder / '.python_stub'
        stub.write_text('#!/bin/sh\nprintf "%s\\0" "$PYTHONPATH" "$@" >"${0%stub}was_asked"\n')
        stub.chmod(0o755)
        note.unlink(missing_ok=True)
        done = subprocess.run(
            command,
            cwd=folder,
            env={**env, 'PYTHON': str(stub)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            return done
        path, *words = note.read_text().split('\0')[:-1]
        command, env = [sys.executable, *words], {**env, 'PYTHONPATH': path}
    return forked_python.run(command, cwd=folder, env=env, capture_output=True)


@contextmanager
def forked(script: Path, arguments: Sequence[object], folder: Path, alone: bool = False):
    """Run a script in a process of its own, that need not import anything; killed at the end.

    Args:
        script: Its path.
        arguments: Its arguments.
        folder: The working directory.
        alone: Whether the processes that it has started are left to themselves.
    """

    def run() -> None:
        os.setsid()
        run_in_process(script, arguments, folder)

    process = multiprocessing.get_context('fork').Process(target=run)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        if not alone:
            # None is there before it has come to setsid().
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.join()


def run_in_process(
    script: Path | str, arguments: Sequence[object], folder: Path
) -> subprocess.CompletedProcess:
    """Run a script in this process, in a folder, as its command would be run: with one thread.

    Args:
        script: Its path, or the name of a module, as ``python -m`` takes it.
        arguments: Its arguments.
        folder: The working directory.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), _own_loggers():
        code = _run_script(script, arguments, folder)
    return subprocess.CompletedProcess(str(script), code, out.getvalue(), err.getvalue())


def _run_script(script: Path | str, arguments: Sequence[object], folder: Path) -> int:
    """Run a script as :func:`run_in_process` does; gives its status."""
    before, argv, threads = os.getcwd(), sys.argv, torch.get_num_threads()
    os.chdir(folder)
    torch.set_num_threads(1)
    sys.argv = [str(script), *map(str, arguments)]
    try:
        if isinstance(script, Path):
            runpy.run_path(str(script), run_name='__main__')
        else:
            runpy.run_module(script, run_name='__main__', alter_sys=True)
    except SystemExit as error:
        return error.code or 0
    finally:
        torch.set_num_threads(threads)
        sys.argv = argv
        os.chdir(before)
    return 0


@contextmanager
def _own_loggers():
    """Forget mmengine's loggers, message hubs and visualizers at the end.

    They are found by a config's name and the second: the next run may begin in the same one.
    """
    kinds = [ManagerMixin]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kept = {kind: kind._instance_dict.copy() for kind in kinds}
    try:
        yield
    finally:
        for kind, instances in kept.items():
            kind._instance_dict = instances


def free_port() -> int:
    """A port that nothing listens to just now."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]
