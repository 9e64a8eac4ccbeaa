"""tools/analysis_tools/benchmark_all.py: what it runs, and what it does with how that ends."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from modules import load_module


@pytest.fixture
def tool(repo_dir):
    return load_module(repo_dir / 'tools/analysis_tools/benchmark_all.py')


@pytest.fixture
def commands(tool, tmp_path, monkeypatch):
    """Little scripts in the place of the tools; the folder of the results."""
    scripts = dict(
        good='import json, sys; print("table"); json.dump(sys.argv[1:-1], open(sys.argv[-1], "w"))',
        bad='import sys; sys.exit("no memory")',
        slow='import time; time.sleep(60)',
    )
    for name, text in scripts.items():
        (tmp_path / f'{name}.py').write_text(text)
    monkeypatch.setattr(tool, 'TOOLS', tmp_path)
    monkeypatch.setattr(tool, 'gpu_count', lambda: 0)
    parts = {name: (f'{name}.py', '--a 1', '--c 3', '--b 2') for name in ('bad', 'slow', 'good')}
    monkeypatch.setattr(tool, 'PARTS', parts)
    return tmp_path / 'new' / 'results'


@pytest.mark.parametrize('gpus', [0, 1, 2])
def test_the_tools_take_the_arguments(tool, repo_dir, tmp_path, gpus, monkeypatch):
    monkeypatch.setattr('torch.cuda.device_count', lambda: gpus)
    for part in tool.PARTS:
        _, script, *arguments = tool.command_of(part, tmp_path, gpus)
        args = load_module(Path(script)).parse_args(arguments)
        assert args.out == str(tmp_path / f'{part}.json')
        if part == 'options':
            assert ('fp16' in args.variants) == (gpus > 0)
            # A GPU's base does so by itself.
            assert ('foreach' in args.variants) == (gpus == 0)
        if part == 'steps':
            assert args.classes == [200, 1000]
            assert args.batch is None  # 16 on a CPU, 32 on a GPU
            assert len(args.backbones) == 4
            assert args.rounds == (20 if gpus else 5)
        if part == 'norms':
            assert args.device == ('cuda' if gpus == 2 else 'cpu')


def test_one_after_the_other(tool, commands, capsys):
    with pytest.raises(SystemExit) as caught:
        tool.main([str(commands), '--minutes', '0.02'])
    assert caught.value.code == 1
    out = capsys.readouterr().out
    assert f'bad: {sys.executable}' in out
    assert f'bad               FAILED with status 1, see {commands}/bad.log\n' in out
    assert 'slow              stopped after 1.2 s\n' in out
    assert 'good              done, ' in out
    assert json.loads((commands / 'good.json').read_text()) == ['--a', '1', '--c', '3', '--out']
    assert (commands / 'good.md').read_text() == 'table\n'
    assert (commands / 'bad.log').read_text() == 'no memory\n'


@pytest.fixture
def pipe(tmp_path):
    """A pipe for a part's processes, and a function that waits until none has it open any more."""
    path = tmp_path / 'pipe'
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait_for_its_end():
        until = time.monotonic() + 20
        while True:
            try:
                assert os.read(reader, 1) == b''
                break
            except BlockingIOError:  # there is still somebody who could write
                assert time.monotonic() < until
                time.sleep(0.1)

    yield path, wait_for_its_end
    os.close(reader)


def test_a_part_that_is_stopped_leaves_no_process_and_no_whole_figures(tool, commands, pipe):
    pipe, wait_for_its_end = pipe
    child = 'import time; time.sleep(60)'
    text = (
        f'import json, subprocess, sys, time; held = open({str(pipe)!r}, "w"); '
        f'subprocess.Popen([sys.executable, "-c", {child!r}], stdout=held); '
        'json.dump(1, open(sys.argv[-1], "w")); time.sleep(60)'
    )
    (commands.parents[1] / 'slow.py').write_text(text)
    with pytest.raises(SystemExit):
        # Seconds enough for the start of two processes; a pipe tells when they have ended.
        tool.main([str(commands), '--parts', 'slow', '--minutes', '0.05'])
    assert not (commands / 'slow.json').exists()
    # Of after the child was there.
    assert (commands / 'slow.partial.json').read_text() == '1'
    wait_for_its_end()


def test_sigterm_ends_the_part_that_runs(tool, commands, pipe):
    """With the processes that it has started; no further part begins."""
    pipe, wait_for_its_end = pipe
    child = (
        'import os, signal, sys, time; held = open(sys.argv[1], "w"); '
        'os.kill(int(sys.argv[2]), signal.SIGTERM); time.sleep(60)'
    )
    text = (
        'import os, subprocess, sys, time; '
        f'subprocess.Popen([sys.executable, "-c", {child!r}, {str(pipe)!r}, str(os.getppid())]); '
        'time.sleep(60)'
    )
    (commands.parents[1] / 'slow.py').write_text(text)
    seen = []

    def handler(number, frame):
        seen.append(number)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(SystemExit) as caught:
            tool.main([str(commands), '--parts', 'slow', 'good', '--minutes', '0.2'])
        assert caught.value.code == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not seen
    assert not (commands / 'good.json').exists()
    wait_for_its_end()


def test_what_is_there_is_not_run_again(tool, commands, capsys):
    tool.main([str(commands), '--parts', 'good'])
    capsys.readouterr()
    tool.main([str(commands), '--parts', 'good'])
    assert capsys.readouterr().out == 'good              was there\n'


def test_on_gpus(tool, commands, monkeypatch):
    monkeypatch.setattr(tool, 'gpu_count', lambda: 3)
    tool.main([str(commands), '--parts', 'good'])
    arguments = json.loads((commands / 'good.json').read_text())
    assert arguments == ['--a', '1', '--b', '2', '--out']


def test_gpus_are_counted(tool, tmp_path, monkeypatch):
    """In a process of its own, which sees the GPUs that this one sees."""
    (tmp_path / 'torch.py').write_text(
        'import os\n'
        'class cuda:\n'
        '    def device_count():\n'
        '        return len(os.environ["CUDA_VISIBLE_DEVICES"].split(","))\n'
    )
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,2,5')
    monkeypatch.setattr('torch.cuda.device_count', lambda: pytest.fail('counted here'))
    assert tool.gpu_count() == 3


def test_a_file_is_no_folder(tool, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    with pytest.raises(SystemExit) as caught:
        tool.main([str(tmp_path / 'file')])
    assert caught.value.code == 2
    assert 'file is no folder' in capsys.readouterr().err
