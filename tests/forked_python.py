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
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
import weakref
from collections.abc import Callable, Sequence
from contextlib import ExitStack
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

    Those of ``torch.distributed.run`` are so many forks.
    ``sitecustomize.py`` of a folder on ``PYTHONPATH`` is run as well. All handles of this process
    are open in the other one, ``pass_fds`` or not.

    Raises:
        subprocess.TimeoutExpired: It took too long. Nothing of it is left.
    """
    words = list(map(str, command))
    shares = _shares(words[1:]) if words[0] == sys.executable else []
    if not shares:
        return subprocess.run(
            words,
            **dict(cwd=cwd, env=env, stdout=stdout, stderr=stderr, capture_output=capture_output),
            **dict(timeout=timeout, check=check, preexec_fn=preexec_fn, **of_subprocess),
        )
    assert not check
    # Standard input is empty, whatever this process has.
    assert of_subprocess.pop('stdin', subprocess.DEVNULL) == subprocess.DEVNULL
    assert of_subprocess.keys() <= {'text', 'pass_fds'}, 'forks know no other argument'
    env = dict(os.environ) if env is None else env
    if capture_output:
        stdout = stderr = subprocess.PIPE
    with ExitStack() as stack:
        streams = [
            stack.enter_context(tempfile.TemporaryFile()) if stream == subprocess.PIPE else stream
            for stream in (stdout, stderr)
        ]
        processes = []
        try:
            for script, more in shares:
                processes.append(_fork(script, cwd, {**env, **more}, *streams, preexec_fn))
            status = _wait_for(processes, timeout)
        finally:
            _end(processes)
        if status is None:
            raise subprocess.TimeoutExpired(words, timeout)
        texts = [None, None]
        for index, stream in enumerate((stdout, stderr)):
            if stream == subprocess.PIPE:
                streams[index].seek(0)
                texts[index] = streams[index].read().decode()
    return subprocess.CompletedProcess(words, status, *texts)


def _shares(words: list[str]) -> list[tuple[list[str], dict[str, str]]]:
    """What stands behind ``python``, for each process, and its variables; none if not known."""
    words = words[1:] if words[0] == '-u' else words
    if words[:2] == ['-m', 'torch.distributed.run']:
        options, script = {}, words[2:]
        while script[0].startswith('--'):
            name, _, options[name] = script.pop(0).partition('=')
        assert options.pop('--nnodes', '1') == '1'
        assert options.pop('--node_rank', '0') == '0'
        if '--standalone' in options:
            options.pop('--standalone')
            options['--master_port'] = _free_port()
        every = dict(
            WORLD_SIZE=options.pop('--nproc_per_node'),
            MASTER_ADDR=options.pop('--master_addr', '127.0.0.1'),
            MASTER_PORT=options.pop('--master_port'),
        )
        assert not options
        ranks = map(str, range(int(every['WORLD_SIZE'])))
        return [(script, dict(every, RANK=rank, LOCAL_RANK=rank)) for rank in ranks]
    known = words[0].endswith('.py') or words[:2] == ['-m', 'bas_mm']
    return [(words, {})] if known else []


def _free_port() -> str:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


def _fork(words: list[str], cwd, env, stdout, stderr, preexec_fn) -> int:
    """Fork, and run what stands behind ``python`` there; gives the other process' number."""
    process = os.fork()
    if process:
        return process
    code = 120
    try:
        if preexec_fn is not None:
            preexec_fn()
        _redirect(stdout, stderr)
        code = _run(words, cwd, env)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _wait_for(processes: list[int], timeout: float) -> int | None:
    """Wait for the end of processes, which are taken from the list.

    Returns:
        int | None: The first status that is not 0, after which others would wait in vain; else 0.
        None: they took too long.
    """
    until = time.monotonic() + timeout
    while processes:
        for process in list(processes):
            done, code = os.waitpid(process, os.WNOHANG)
            if done:
                processes.remove(process)
                if code:
                    return os.waitstatus_to_exitcode(code)
        if time.monotonic() > until:
            return None
        time.sleep(0.01)
    return 0


def _end(processes: list[int]) -> None:
    """Kill what is left."""
    for process in processes:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _redirect(stdout, stderr) -> None:
    """Have the standard streams lead where ``subprocess`` would have them."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for number, stream in ((1, stdout), (2, stderr)):
        if stream == subprocess.STDOUT:
            os.dup2(1, 2)
        elif stream is not None:
            handle = stream if isinstance(stream, int) else stream.fileno()
            os.dup2(null if stream == subprocess.DEVNULL else handle, number)
    # pytest's, and those of redirect_stdout, are in memory.
    sys.stdout = os.fdopen(1, 'w', closefd=False)
    sys.stderr = os.fdopen(2, 'w', buffering=1, closefd=False)
    sys.stdin = os.fdopen(0, closefd=False)


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
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _forget() -> None:
    """Forget what the other process was to do at its end, its children, loggers and visualizers."""
    atexit._clear()
    weakref.finalize._registry.clear()
    weakref.finalize._registered_with_atexit = False  # those to come register it again
    multiprocessing.util._finalizer_registry.clear()
    atexit.register(multiprocessing.util._exit_function)
    multiprocessing.process._children.clear()
    kinds = [ManagerMixin]
    for kind in kinds:
        kinds += kind.__subclasses__()
        kind._instance_dict = type(kind._instance_dict)()
    logging.getLogger().handlers.clear()


class _Command:
    """As ``subprocess.Popen``, but :func:`run`, and that when it is waited for."""

    def __init__(self, command: Sequence[object], **of_subprocess) -> None:
        self.wait = lambda: run(command, **of_subprocess).returncode


#: Stands for the module ``subprocess`` where a module of the package runs commands.
instead_of_subprocess = types.SimpleNamespace(
    Popen=_Command, DEVNULL=subprocess.DEVNULL, STDOUT=subprocess.STDOUT
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
        self, command: Sequence[object], *, cwd: str | os.PathLike | None = None, **of_subprocess
    ) -> subprocess.CompletedProcess:
        """As ``subprocess.run``, with its output captured and as text."""
        assert of_subprocess.keys() <= {'capture_output', 'text', 'env', 'timeout'}
        request = json.dumps([list(map(str, command)), None if cwd is None else str(cwd)])
        print(request, file=self.process.stdin, flush=True)
        return subprocess.CompletedProcess(command, *json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        """End it."""
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def _serve(modules: Sequence[str]) -> None:
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # imports print
    for module in modules:
        importlib.import_module(module)
    for line in requests:
        command, cwd = json.loads(line)
        try:
            done = run(command, cwd=cwd, env=dict(os.environ), capture_output=True)
            answer = [done.returncode, done.stdout, done.stderr]
        except subprocess.TimeoutExpired as error:
            answer = [120, '', str(error)]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == '__main__':
    _serve(sys.argv[1:])
