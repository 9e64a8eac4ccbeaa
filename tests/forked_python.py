"""Commands of Python in processes of their own, which need not import anything: forks of this one.

What a command costs in a small test is the import of torch and of what stands on it. Where a test
is about what a process does to others (its files, locks, signals, status) and not about how it
starts, its commands may be forks: of this process (:func:`run`), or, where they must not have what
this one has done, of one that has imported and done nothing else (:class:`Server`).
"""

from __future__ import annotations

import atexit
import importlib
import json
import logging
import multiprocessing.process
import multiprocessing.util
import os
import runpy
import subprocess
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from mmengine.utils import ManagerMixin


def run(
    command: Sequence[object],
    *,
    cwd: str | os.PathLike | None = None,
    env: dict[str, str] | None = None,
    stdout=None,
    stderr=None,
    capture_output: bool = False,
    timeout: float = 600,
    check: bool = False,
    preexec_fn: Callable[[], None] | None = None,
    **of_subprocess,
) -> subprocess.CompletedProcess:
    """``subprocess.run``; where the command is a script or a module for this Python, in a fork.

    ``sitecustomize.py`` of a folder on ``PYTHONPATH`` is run as well. All handles of this process
    are open in the other one, ``pass_fds`` or not.
    """
    words = list(map(str, command))
    of_python = words[0] == sys.executable
    if not of_python or not (words[1].endswith('.py') or words[1:3] == ['-m', 'bas_mm']):
        return subprocess.run(
            *(words,),
            **dict(cwd=cwd, env=env, stdout=stdout, stderr=stderr, capture_output=capture_output),
            **dict(timeout=timeout, check=check, preexec_fn=preexec_fn, **of_subprocess),
        )
    assert not check
    captured = [tempfile.TemporaryFile() for _ in range(2)] if capture_output else []
    streams = captured or [stdout, stderr]
    process = os.fork()
    if not process:
        code = 120
        try:
            if preexec_fn is not None:
                preexec_fn()
            _redirect(*streams)
            code = _run(words[1:], cwd, env)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    until = time.monotonic() + timeout
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            break
        if time.monotonic() > until:
            os.kill(process, 9)
        time.sleep(0.02)
    texts = []
    for file in captured:
        file.seek(0)
        texts.append(file.read().decode())
        file.close()
    return subprocess.CompletedProcess(words, os.waitstatus_to_exitcode(status), *texts)


def _redirect(stdout, stderr) -> None:
    """Have the standard streams lead where ``subprocess`` would have them."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for number, stream in ((1, stdout), (2, stderr)):
        if stream == subprocess.STDOUT:
            os.dup2(1, 2)
        elif stream is not None:
            os.dup2(null if stream == subprocess.DEVNULL else stream.fileno(), number)
    # pytest's, and those of redirect_stdout, are in memory.
    sys.stdout, sys.stderr = (open(number, 'w', closefd=False) for number in (1, 2))
    sys.stdin = open(0, closefd=False)


def _run(words: list[str], cwd: str | os.PathLike | None, env: dict[str, str] | None) -> int:
    """Run what stands behind ``python``, as in a process that has just begun; gives the status."""
    _forget()
    if cwd is not None:
        os.chdir(cwd)
    if env is not None:
        os.environ.clear()
        os.environ.update(env)
    torch.set_num_threads(1)
    paths = [path for path in os.environ.get('PYTHONPATH', '').split(os.pathsep) if path]
    for path in paths:
        if Path(path, 'sitecustomize.py').is_file():
            runpy.run_path(str(Path(path, 'sitecustomize.py')))
    try:
        if words[0] == '-m':
            sys.argv, sys.path[:0] = words[1:], [os.getcwd(), *paths]
            runpy.run_module(words[1], run_name='__main__', alter_sys=True)
        else:
            sys.argv, sys.path[:0] = words, [str(Path(words[0]).parent), *paths]
            runpy.run_path(words[0], run_name='__main__')
        code = 0
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        code = 1 if isinstance(error.code, str) else error.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _forget() -> None:
    """Forget what the other process was to do at its end, its children, loggers and visualizers."""
    atexit._clear()
    multiprocessing.util._finalizer_registry.clear()
    atexit.register(multiprocessing.util._exit_function)
    multiprocessing.process._children.clear()
    kinds = [ManagerMixin]
    for kind in kinds:
        kinds += kind.__subclasses__()
        kind._instance_dict = type(kind._instance_dict)()
    logging.getLogger().handlers.clear()


#: Stands for the module ``subprocess`` where a module of the package runs commands.
instead_of_subprocess = types.SimpleNamespace(
    run=run, DEVNULL=subprocess.DEVNULL, STDOUT=subprocess.STDOUT, PIPE=subprocess.PIPE
)


class Server:
    """A process that has only imported; what it runs are its forks.

    Args:
        env: Its environment, and that of the commands.
        modules: What it imports.
    """

    def __init__(self, env: dict[str, str], modules: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, *modules],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, command: Sequence[object], *, cwd: str | os.PathLike | None = None, **_
    ) -> subprocess.CompletedProcess:
        """As ``subprocess.run``, with its output captured and as text."""
        request = json.dumps([list(map(str, command)), None if cwd is None else str(cwd)])
        print(request, file=self.process.stdin, flush=True)
        return subprocess.CompletedProcess(command, *json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def _serve(modules: Sequence[str]) -> None:
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # imports print
    for module in modules:
        importlib.import_module(module)
    for line in requests:
        command, cwd = json.loads(line)
        done = run(command, cwd=cwd, env=dict(os.environ), capture_output=True)
        print(json.dumps([done.returncode, done.stdout, done.stderr]), file=answers, flush=True)


if __name__ == '__main__':
    _serve(sys.argv[1:])
