"""What --help of every command says about its arguments."""

import argparse
from pathlib import Path

import pytest
from tiny_project import ROOT, run_in_process

from bas_mm.__main__ import COMMANDS

TOOLS = sorted(ROOT.glob('tools/**/*.py'))


def check_help(monkeypatch, folder: Path, script: Path | str, *words: str) -> None:
    asked = []
    monkeypatch.setattr(
        argparse.ArgumentParser, 'print_help', lambda self, file=None: asked.append(self)
    )
    done = run_in_process(script, [*words, '--help'], folder)
    assert done.returncode == 0, done.stderr
    (parser,) = asked
    for action in parser._actions:
        name = action.option_strings[-1] if action.option_strings else action.dest
        assert action.help, f'{name} has no help'
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
            continue
        # `%` is argparse's own sign.
        said = parser._get_formatter()._expand_help(action)
        # Where the default has to be told, it is told in one form.
        nothing = action.default is None or action.default is False or action.default in ('', [])
        if action.option_strings and not nothing:
            assert 'default: ' in said, f'{name}: {said}'
        assert '(default' not in said, f'{name}: {said}'
        assert not said.endswith(f'({action.default})'), f'{name}: {said}'


@pytest.mark.parametrize('tool', [path.relative_to(ROOT / 'tools').as_posix() for path in TOOLS])
def test_tools(monkeypatch, tmp_path, tool):
    check_help(monkeypatch, tmp_path, ROOT / 'tools' / tool)


@pytest.mark.parametrize('tool', [path.relative_to(ROOT / 'tools').as_posix() for path in TOOLS])
def test_ctrl_c_is_one_line(monkeypatch, tmp_path, tool):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_known_args', interrupt)
    monkeypatch.setattr('bas_mm.command_line.ends.rank', lambda: '0')  # it parses, too
    try:
        done = run_in_process(ROOT / 'tools' / tool, [], tmp_path)
    except KeyboardInterrupt:  # it would end all tests
        pytest.fail('a traceback')
    assert done.returncode == 130
    assert done.stderr == f'{Path(tool).name}: interrupted\n'


@pytest.mark.parametrize('command', COMMANDS)
def test_commands(monkeypatch, tmp_path, command):
    check_help(monkeypatch, tmp_path, 'bas_mm', command)
