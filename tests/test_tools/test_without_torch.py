"""Commands import no torch, which takes seconds, before they say what they are or a path is wrong.

In a process without it, of which each command is a fork.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from test_missing_paths import COMMANDS
from tiny_project import ROOT, TinyProject

TOOLS = [path.relative_to(ROOT / 'tools').as_posix() for path in ROOT.glob('tools/**/*.py')]
HELP = [f'{tool} --help' for tool in sorted(TOOLS)]

SERVER = """
import contextlib, io, json, os, runpy, sys
import cv2, numpy, rich.progress, bas_mm.command_line  # of many commands

class NoTorch:
    def find_spec(name, path=None, target=None):
        if name.partition('.')[0] == 'torch':
            wanted.append(name)
            raise ImportError(name)

assert 'torch' not in sys.modules
sys.meta_path.insert(0, NoTorch)
for line in sys.stdin:
    process = os.fork()
    if process:
        os.waitpid(process, 0)
        continue
    wanted, status = [], 0
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            sys.argv = json.loads(line)
            sys.path.insert(0, os.path.dirname(sys.argv[0]))
            runpy.run_path(sys.argv[0], run_name='__main__')
    except SystemExit as error:
        status = error.code or 0
    except BaseException as error:
        status = repr(error)
    print(json.dumps([*wanted, status]), flush=True)
    os._exit(0)
"""


@pytest.fixture(scope='module')
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list]:
    """Of each command what it wanted to import of torch, and at last its status."""
    commands = HELP + COMMANDS
    requests = ([str(ROOT / 'tools' / tool), *rest] for tool, *rest in map(str.split, commands))
    done = subprocess.run(
        [sys.executable, '-c', SERVER],
        input=''.join(f'{json.dumps(request)}\n' for request in requests),
        cwd=tmp_path_factory.mktemp('nothing'),
        env=TinyProject.environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(commands, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize('command', HELP)
def test_help(command, answers):
    assert answers[command] == [0]


@pytest.mark.parametrize('command', COMMANDS)
def test_a_path_that_does_not_exist(command, answers):
    assert answers[command] == [2]
