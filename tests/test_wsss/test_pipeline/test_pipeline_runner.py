"""The runner of steps, with small scripts as steps."""

from __future__ import annotations

import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import Process, get_context
from pathlib import Path

import pytest

from bas_mm.command_line import run_command
from bas_mm.wsss.pipeline import runner
from bas_mm.wsss.pipeline.runner import PipelineError, PipelineRunner
from bas_mm.wsss.pipeline.state import PipelineState
from bas_mm.wsss.pipeline.step import Step, changes

TOOLS = Path(__file__).resolve().parents[3] / 'tools'

# Appends a word to a file; waits where it is told to, and fails where it is told to.
SCRIPT = """
import sys, time
from pathlib import Path
word, source, target, *rest = sys.argv[1:]
text = Path(source).read_text() if source != '-' else ''
with open(Path(target).parent / 'calls', 'a') as calls:
    calls.write(f'{word} ')
if Path('fail').exists():
    print('the reason of it')
    sys.exit(3)
while Path(f'wait_{word}').exists():
    time.sleep(0.02)
Path(target).write_text(text + word)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'tool.py').write_text(SCRIPT)
    return tmp_path


def _steps(
    folder: Path, settings: tuple[str, str, str] = ('', '', ''), work: str = 'work'
) -> list[Step]:
    work = folder / work

    def step(name: str, source: str | None, setting: str) -> Step:
        form = ('tool.py', name, f'{{}}/{source}' if source else '-', f'{{}}/{name}')
        command = (str(folder / 'tool.py'), *(word.replace('{}', str(work)) for word in form[1:]))
        needs = (source,) if source else ()
        of = dict(some=dict(setting=setting))
        return Step(name, f'make {name}', (command,), (work / name,), needs, of, form=(form,))

    return [step('a', None, settings[0]), step('b', 'a', settings[1]), step('c', None, settings[2])]


def _run(folder: Path, *args, steps=None, **kwargs) -> list[str]:
    said = []
    steps = steps or _steps(folder)
    work = steps[0].outputs[0].parent
    PipelineRunner(steps, work, TOOLS, *args, say=said.append).run(**kwargs)
    return said


def _calls(folder: Path, work: str = 'work') -> str:
    file = folder / work / 'calls'
    calls = file.read_text().split() if file.exists() else []
    file.write_text('')
    return ''.join(calls)


def test_steps_run_once(folder):
    _run(folder)
    assert _calls(folder) == 'abc'
    assert (folder / 'work/b').read_text() == 'ab'
    said = _run(folder)
    assert _calls(folder) == ''
    assert [line.rpartition(': ')[2] for line in said] == ['done before'] * 3


def test_until_and_skip(folder):
    _run(folder, until='a')
    assert _calls(folder) == 'a'
    _run(folder, skip=['c'])
    assert _calls(folder) == 'b'
    with pytest.raises(PipelineError, match='there is no step d; the steps are a, b, c'):
        _run(folder, until='d')


def test_a_step_that_is_left_out_says_why(folder):
    def absent() -> None:
        raise ImportError('no package is needed for it')

    a, b, c = _steps(folder)
    b = replace(b, left_out='for nothing is there', require=absent)
    for kwargs, said in ((dict(until='b'), 'a'), (dict(skip=['b']), 'c')):
        lines = _run(folder, steps=[a, b, c], **kwargs)
        assert '[2/3] b: left out, for nothing is there' in lines
        assert _calls(folder) == said
    # Once there is something it is run.
    _run(folder)
    assert _calls(folder) == 'b'


def test_changed_settings_are_run_anew_with_what_depends_on_them(folder):
    _run(folder)
    _calls(folder)
    said = _run(folder, steps=_steps(folder, ('new', '', '')))
    assert _calls(folder) == 'ab'
    assert said[0].endswith("begins anew, for there is a change: some.setting='', now 'new'")
    assert said[2].endswith('begins anew, for there is a change: the step a')
    assert said[-1].endswith('done before')
    _run(folder, steps=_steps(folder, ('new', '', 'other')))
    assert _calls(folder) == 'c'
    # There and back: another output of the same settings.
    _run(folder, steps=_steps(folder, ('x', '', 'other')), until='a')
    _run(folder, steps=_steps(folder, ('new', '', 'other')))
    assert _calls(folder) == 'aab'


@pytest.mark.parametrize('setting', ['', 'new', 'other'])
def test_a_stop_while_an_output_is_deleted(folder, monkeypatch, setting):
    """What is left of it is no output, with the settings of before as with others."""
    _run(folder)
    _calls(folder)
    delete = runner._delete

    def stopped(path: Path) -> None:
        assert path.name == 'a'
        path.write_text('the rest of ')
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, '_delete', stopped)
    with pytest.raises(KeyboardInterrupt):
        _run(folder, steps=_steps(folder, ('new', '', '')))
    deleted = []
    monkeypatch.setattr(runner, '_delete', lambda path: (deleted.append(path.name), delete(path)))
    steps = _steps(folder, (setting, '', ''))
    # Who skips the step is told.
    (folder / 'work/b').unlink()
    said = _run(folder, steps=steps, skip=['a', 'c'])
    assert any('a was stopped before its end' in line for line in said)
    _calls(folder)
    said = _run(folder, steps=steps)
    assert _calls(folder) == 'ab'
    assert deleted[-2:] == ['a', 'b']
    reason = (
        f"there is a change: some.setting='', now {setting!r}"
        if setting
        else 'a run was stopped while it deleted the output'
    )
    assert said[0] == f'[1/3] a: make a: begins anew, for {reason}'
    assert (folder / 'work/b').read_text() == 'ab'
    assert [line.rpartition(': ')[2] for line in _run(folder, steps=steps)] == ['done before'] * 3


def test_outputs_of_other_settings_are_told(folder):
    """Such as the figures of a later step, where a run ends before it."""
    _run(folder)
    steps = _steps(folder, ('new', '', ''))
    runner = PipelineRunner(steps, folder / 'work', TOOLS, say=lambda _: None)
    runner.run(until='a')
    assert runner.outdated() == {folder / 'work/b'}
    runner.run()
    assert runner.outdated() == set()
    # Of what was made elsewhere nothing is known.
    (folder / 'work/pipeline.json').unlink()
    runner.run(skip='abc')
    assert runner.outdated() == set()


@pytest.mark.parametrize('old', [False, True])
def test_output_that_is_gone_is_made_again_with_what_was_made_of_it(folder, old):
    """Also after a stop between the two, and where an earlier version made them."""
    steps = _steps(folder)
    steps[2] = replace(steps[2], needs=('b',))
    _run(folder, steps=steps)
    if old:
        file = folder / 'work/pipeline.json'
        state = json.loads(file.read_text())
        for step in state['steps'].values():
            del step['making'], step['read']
        file.write_text(json.dumps(state))
    _calls(folder)
    assert [line.rpartition(': ')[2] for line in _run(folder, steps=steps)] == ['done before'] * 3
    (folder / 'work/b').unlink()
    said = _run(folder, steps=steps)
    assert _calls(folder) == 'bc'
    assert said[1].endswith('b: make b: its output is gone')
    assert said[3].endswith('c: make c: begins anew, for the step b ran again')

    (folder / 'work/a').unlink()
    (folder / 'fail').touch()
    with pytest.raises(PipelineError, match='a failed'):
        _run(folder, steps=steps)
    (folder / 'fail').unlink()
    runner = PipelineRunner(steps, folder / 'work', TOOLS, say=lambda _: None)
    runner.run(until='a')
    assert runner.outdated() == {folder / 'work/b', folder / 'work/c'}
    _calls(folder)
    steps[2] = replace(steps[2], settings=dict(other=1))
    said = _run(folder, steps=steps, skip=['b'])
    assert said[2] == '  b was made before the step a ran again'
    _run(folder, steps=steps)
    assert _calls(folder) == 'cbc'
    assert [line.rpartition(': ')[2] for line in _run(folder, steps=steps)] == ['done before'] * 3
    assert _calls(folder) == ''


def test_failed_step_names_its_log_and_is_the_next_to_run(folder):
    _run(folder, until='a')
    _calls(folder)
    (folder / 'fail').write_text('')
    with pytest.raises(PipelineError, match='b failed with status 3') as error:
        _run(folder)
    assert 'the reason of it' in str(error.value)
    assert 'logs/b.log' in str(error.value)
    (folder / 'fail').unlink()
    said = _run(folder)
    assert _calls(folder) == 'bbc'
    assert any('b: make b: goes on' in line for line in said)


def test_what_was_made_of_half_a_step_is_made_again_of_the_whole(folder):
    for _ in range(2):  # stopped, and stopped again as it goes on
        (folder / 'fail').touch()
        with pytest.raises(PipelineError, match='a failed'):
            _run(folder)
        (folder / 'fail').unlink()
        (folder / 'work/a').write_text('half ')
        _calls(folder)
        said = _run(folder, skip=['a'])
        assert _calls(folder).startswith('b')
        assert (folder / 'work/b').read_text() == 'half b'
        note = (
            '  a was stopped before its end: b is made of what is there, and again when a has run'
        )
        assert said[1] == note
        assert 'b: done before' in _run(folder, skip=['a'])[1]
    said = _run(folder)
    assert _calls(folder) == 'ab'
    assert said[0] == '[1/3] a: make a: goes on'
    assert said[2] == '[2/3] b: make b: begins anew, for the step a ran again'
    assert (folder / 'work/b').read_text() == 'ab'
    assert [line.rpartition(': ')[2] for line in _run(folder)] == ['done before'] * 3


def test_a_step_that_goes_on_is_nothing_new_to_those_that_were_not_begun(folder):
    (folder / 'fail').touch()
    for _ in range(2):
        with pytest.raises(PipelineError, match='a failed'):
            _run(folder)
    (folder / 'fail').unlink()
    said = _run(folder)
    assert [said[0], said[2]] == ['[1/3] a: make a: goes on', '[2/3] b: make b']
    # What a new output of the first made begin anew, and was stopped, goes on.
    (folder / 'work/a').unlink()
    (folder / 'fail').touch()
    with pytest.raises(PipelineError, match='a failed'):
        _run(folder)
    (folder / 'fail').unlink()
    _run(folder, until='a')
    (folder / 'fail').touch()
    with pytest.raises(PipelineError, match='b failed'):
        _run(folder)
    (folder / 'fail').unlink()
    assert [line.rpartition(': ')[2] for line in _run(folder, until='b')[:2]] == [
        'done before',
        'goes on',
    ]


@pytest.mark.parametrize('why', ['gone', 'changed', 'of another', 'stopped'])
def test_the_seconds_of_a_step_are_those_of_what_there_is(folder, why):
    """Those of before a stop count, those of an output that was made anew do not."""
    _run(folder)
    file = folder / 'work/pipeline.json'
    state = json.loads(file.read_text())
    state['steps']['b'].update(seconds=1000, status='done' if why == 'gone' else 'running')
    file.write_text(json.dumps(state))
    if why in ('gone', 'of another'):
        (folder / 'work' / ('b' if why == 'gone' else 'a')).unlink()
    _run(folder, steps=_steps(folder, ('', 'new' if why == 'changed' else '', '')))
    b = json.loads(file.read_text())['steps']['b']
    assert b['status'] == 'done'
    assert (b['seconds'] >= 1000) == (why == 'stopped')


def test_skipped_step_that_others_need(folder):
    with pytest.raises(PipelineError, match='b needs .*work/a, which the step a makes') as error:
        _run(folder, skip=['a'])
    assert shlex.join([f'tools/{folder}/tool.py', 'a', '-']) in str(error.value)
    (folder / 'work/a').write_text('mine ')
    _run(folder, skip=['a'])
    assert (folder / 'work/b').read_text() == 'mine b'


def test_files_of_others_are_not_deleted(folder):
    (folder / 'work').mkdir()
    (folder / 'work/a').write_text('mine')
    with pytest.raises(PipelineError, match='work/a is there, but .*pipeline.json does not know'):
        _run(folder)
    assert (folder / 'work/a').read_text() == 'mine'


def test_broken_state_file(folder):
    (folder / 'work').mkdir()
    (folder / 'work/pipeline.json').write_text('{"steps": ')
    with pytest.raises(ValueError, match='pipeline.json cannot be read'):
        _run(folder)


def test_last_checkpoint_and_resuming_of_a_training(folder):
    tool = folder / 'train.py'
    tool.write_text(
        textwrap.dedent("""
        import sys
        from pathlib import Path
        out = Path(sys.argv[1])
        out.mkdir(parents=True, exist_ok=True)
        (out / 'epoch_2.pth').touch()
        # As a kill at the wrong moment leaves it.
        (out / 'last_checkpoint').write_text('')
        with open(out / 'arguments', 'a') as file:
            file.write(' '.join(sys.argv[2:]) + '|')
        if Path('stop').exists():
            sys.exit(1)
        """)
    )
    work = folder / 'work'
    steps = [
        Step(
            'net', '', ((str(tool), str(work / 'net')),), (work / 'net',), resumable_training=True
        ),
        Step(
            'use',
            '',
            ((str(tool), str(work / 'use'), f'{{checkpoint:{work / "net"}}}'),),
            (work / 'use',),
            ('net',),
        ),
    ]
    (folder / 'stop').write_text('')
    with pytest.raises(PipelineError):
        _run(folder, steps=steps)
    (folder / 'stop').unlink()
    _run(folder, steps=steps)
    assert (work / 'net/arguments').read_text() == '|--resume|'
    assert (work / 'use/arguments').read_text() == f'{work / "net"}/epoch_2.pth|'
    # A folder that another training left without a checkpoint does not do.
    shutil.rmtree(work)
    (work / 'net').mkdir(parents=True)
    with pytest.raises(
        PipelineError, match=r'left no checkpoint. Delete .*net and do not '
    ) as error:
        _run(folder, steps=steps, skip=['net'])
    command = shlex.join(['python', f'tools/{tool}', str(work / 'net')])
    assert str(error.value).endswith(f'make one by\n    {command}')


def test_killed_in_each_step_and_started_again(folder):
    """SIGKILL leaves no step at work, and the next start comes to the same result."""
    _run(folder)
    expected = {name: (folder / 'work' / name).read_bytes() for name in 'abc'}
    other = folder / 'other'
    other.mkdir()
    (other / 'tool.py').write_text(SCRIPT)
    program = textwrap.dedent(f"""
        import sys
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[3])!r}]
        from pathlib import Path
        from test_pipeline_runner import _run
        _run(Path.cwd())
        """)
    for name in 'abc':
        (other / f'wait_{name}').write_text('')
        process = subprocess.Popen([sys.executable, '-c', program], cwd=other)
        calls = other / 'work' / 'calls'
        until = time.monotonic() + 60
        while not (calls.exists() and calls.read_text().endswith(f'{name} ')):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        state = json.loads((other / 'work/pipeline.json').read_text())
        assert state['steps'][name]['status'] == 'running'
        (other / f'wait_{name}').unlink()
    os.chdir(other)
    _run(other)
    assert {name: (other / 'work' / name).read_bytes() for name in 'abc'} == expected


# Says who it is, and takes its time to end, or does not end, where it is asked to.
STUBBORN = """
import os, signal, sys, time
from pathlib import Path
target, *ends = sys.argv[1:]
ends = dict(word.split('=') for word in ends if '=' in word)
def end(number, _):
    name = signal.Signals(number).name
    Path(f'{target}_{os.getpid()}').write_text(name)
    time.sleep(float(ends[name]))
    os._exit(1)
for name in ('SIGINT', 'SIGTERM'):
    signal.signal(getattr(signal, name), end if name in ends else signal.SIG_IGN)
Path(f'{target}_{os.getpid()}').touch()
time.sleep(100)
"""


@contextmanager
def _stubborn(folder: Path, processes: int, *ends: str) -> Iterator[tuple[Process, list[Path]]]:
    """A pipeline as a terminal starts it, at work; and files that its step's processes write.

    Args:
        folder: Where.
        processes: How many processes the step has.
        *ends: SIGNAL=SECONDS: after how long this signal ends them. Others do not.
    """
    (folder / 'tool.py').write_text(STUBBORN)
    out = folder / 'work' / 'x'
    command = str(folder / 'tool.py'), str(out), *ends
    step = Step('x', '', (command,), (out,), distributed=True)

    def main() -> None:
        _run(folder, processes, steps=[step])

    def run() -> None:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        run_command(main)

    pipeline = get_context('fork').Process(target=run)
    pipeline.start()
    files, until = [], time.monotonic() + 60
    try:
        while len(files) < processes:
            assert pipeline.is_alive()
            assert time.monotonic() < until
            time.sleep(0.02)
            files = sorted(out.parent.glob('x_*'))
        yield pipeline, files
    finally:
        for process in filter(_is_alive, [pipeline.pid, *map(_process, files)]):
            os.kill(process, signal.SIGKILL)


def _process(file: Path) -> int:
    return int(file.name.rpartition('_')[2])


def _is_alive(process: int) -> bool:
    """An orphan that nobody waits for may stay as a zombie."""
    try:
        return 'State:\tZ' not in Path(f'/proc/{process}/status').read_text()
    except FileNotFoundError:
        return False


needs_proc = pytest.mark.skipif(
    not Path('/proc/self/status').exists(), reason='asks /proc who is alive'
)


@needs_proc
def test_ctrl_c_leaves_none_of_several_processes_at_work(folder):
    """Their launcher, which alone knows them, is not killed before they have ended."""
    with _stubborn(folder, 2, 'SIGINT=1') as (pipeline, files):
        os.killpg(pipeline.pid, signal.SIGINT)
        pipeline.join(60)
        assert pipeline.exitcode == 130
        assert not any(_is_alive(_process(file)) for file in files)
        assert [file.read_text() for file in files] == ['SIGINT'] * 2


@needs_proc
@pytest.mark.parametrize(('ends', 'by', 'patience'), [(['SIGTERM=0'], 'SIGTERM', 3), ([], '', 0.2)])
def test_a_step_that_ctrl_c_does_not_end(folder, monkeypatch, ends, by, patience):
    monkeypatch.setattr(runner, '_TIME_TO_END', patience)
    with _stubborn(folder, 1, *ends) as (pipeline, files):
        os.killpg(pipeline.pid, signal.SIGINT)
        pipeline.join(60)
        assert pipeline.exitcode == 130
        assert not _is_alive(_process(files[0]))
        assert files[0].read_text() == by


@needs_proc
def test_another_ctrl_c_does_not_wait(folder, monkeypatch):
    end, ending = runner._end, folder / 'ending'
    monkeypatch.setattr(runner, '_end', lambda process: (ending.touch(), end(process)))
    with _stubborn(folder, 1, 'SIGTERM=0') as (pipeline, files):
        os.killpg(pipeline.pid, signal.SIGINT)
        until = time.monotonic() + 20
        while not ending.exists():
            assert time.monotonic() < until
            time.sleep(0.1)
        time.sleep(0.5)  # for the wait to begin
        os.killpg(pipeline.pid, signal.SIGINT)
        pipeline.join(20)
        assert pipeline.exitcode == 130
        assert files[0].read_text() == 'SIGTERM'


def test_one_run_at_a_time(folder, monkeypatch):
    fcntl = pytest.importorskip('fcntl')
    monkeypatch.setattr('bas_mm.wsss.pipeline.runner._PATIENCE', 0.1)
    (folder / 'work').mkdir()
    with open(folder / 'work/.pipeline.lock', 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(PipelineError, match='another run'):
            _run(folder)
    _run(folder)


def test_a_disk_without_locks(folder, monkeypatch):
    fcntl = pytest.importorskip('fcntl')

    def flock(*_):
        raise OSError(errno.ENOLCK, 'No locks available')

    monkeypatch.setattr(fcntl, 'flock', flock)
    _run(folder)
    assert _calls(folder) == 'abc'


def test_what_another_run_did_in_the_meantime_is_known(folder):
    """The state is that of the moment in which a run has the folder for itself."""
    said = []
    second = PipelineRunner(_steps(folder), folder / 'work', TOOLS, say=said.append)
    _run(folder)
    _calls(folder)
    before = (folder / 'work/pipeline.json').read_bytes()
    second.run()
    assert _calls(folder) == ''
    assert [line.rpartition(': ')[2] for line in said] == ['done before'] * 3
    assert (folder / 'work/pipeline.json').read_bytes() == before


def test_batch_is_shared_by_the_processes(folder):
    tool = folder / 'arguments.py'
    tool.write_text(
        'import sys, os\n'
        'from pathlib import Path\n'
        'if os.environ["RANK"] == "0":\n'
        '    Path(sys.argv[1]).write_text(" ".join(sys.argv[2:]))\n'
    )
    out = folder / 'work' / 'net'
    step = Step('net', 'train it', ((str(tool), str(out)),), (out,), distributed=True, batch=10)
    said = _run(folder, 4, steps=[step])
    assert out.read_text() == '--launcher pytorch --cfg-options train_dataloader.batch_size=5'
    expected = 'train it on 2 of 4 processes, by which its batch of 10 can be divided'
    assert said[0] == f'[1/1] net: {expected}'


def test_commands_that_take_workers_are_told_how_many(folder):
    tool, out = folder / 'arguments.py', folder / 'work' / 'x'
    tool.write_text(
        'import sys\n'
        'from pathlib import Path\n'
        'Path(sys.argv[1]).write_text(" ".join(sys.argv[2:]))\n'
    )
    step = Step('x', '', ((str(tool), str(out)),), (out,), has_workers=True)
    _run(folder, 4, 3, steps=[step])
    assert out.read_text() == '--num-workers 3'
    # It decides nothing.
    assert [line.rpartition(': ')[2] for line in _run(folder, 1, 2, steps=[step])] == [
        'done before'
    ]


@pytest.mark.parametrize(
    ('batch', 'most', 'count'),
    [(10, 1, 1), (10, 4, 2), (10, 5, 5), (16, 4, 4), (16, 7, 4), (7, 4, 1), (3, 8, 3)],
)
def test_a_training_has_processes_of_equal_shares(batch, most, count):
    step = Step('net', '', (), (), distributed=True, batch=batch)
    assert step.processes(most) == count
    # What is no batch is refused by the training; other steps share pictures of any number.
    for other in (None, 0, 'x'):
        assert replace(step, batch=other).processes(most) == most
    assert replace(step, distributed=False).processes(most) == 1


def test_packages_are_looked_for_before_the_first_step(folder):
    """Those of the steps that will run: no step ends for want of one after hours of others."""

    def lacks() -> None:
        raise ImportError('b needs the package x: pip install x')

    steps = _steps(folder)
    without = [steps[0], replace(steps[1], require=lacks), steps[2]]
    with pytest.raises(PipelineError, match=r'^the step b would fail: b needs .* install x\. '):
        _run(folder, steps=without)
    assert _calls(folder) == ''
    _run(folder, steps=without, until='a')
    _run(folder, steps=without, skip=['b'])
    assert _calls(folder) == 'ac'
    _run(folder, steps=steps)
    assert _calls(folder) == 'b'
    said = _run(folder, steps=without)
    assert [line.rpartition(': ')[2] for line in said] == ['done before'] * 3
    # It would be run again for what is made again before it.
    (folder / 'work/a').unlink()
    with pytest.raises(PipelineError, match='the step b would fail'):
        _run(folder, steps=without)
    assert _calls(folder) == ''
    # A step that is skipped makes nothing again.
    (folder / 'work/a').touch()
    (folder / 'work/c').unlink()
    _run(folder, steps=without, skip=['a'])
    assert _calls(folder) == 'c'


def test_data_are_looked_for_before_the_first_step(folder):
    """Those of all steps that will run, each once."""
    b, c = (
        dict(type='PseudoMaskDataset', pictures=dict(type='Other'), mask_dir=name)
        for name in ('mask_b', 'mask_c')
    )
    steps = _steps(folder)
    steps[0] = replace(steps[0], reads=((b, False),))
    steps[1] = replace(steps[1], reads=((b, True), (c, True)))
    steps[2] = replace(steps[2], reads=((None, False), (c, True)))
    with pytest.raises(
        PipelineError, match='^data or weights are not there. Nothing was run; '
    ) as error:
        _run(folder, steps=steps)
    assert _calls(folder) == ''
    advice = 'Make them with tools/wsss/make_masks.py, or set mask_dir to where they are'
    _, *lines = str(error.value).splitlines()
    assert lines == [f'    mask_{k}, which the step b reads. {advice}' for k in 'bc']
    _run(folder, steps=steps, until='a')
    (folder / 'mask_c').mkdir()
    _run(folder, steps=steps, skip='b')
    assert _calls(folder) == 'ac'
    (folder / 'mask_b').mkdir()
    _run(folder, steps=steps)
    assert _calls(folder) == 'b'
    # What a step makes is not looked for.
    (folder / 'work/b').unlink()
    made = {**b, 'mask_dir': str(folder / 'work/a/masks')}
    steps[1] = replace(steps[1], reads=((made, True), (c, True)))
    _run(folder, steps=steps)
    assert _calls(folder) == 'b'
    # What is done reads no more.
    for name in 'bc':
        (folder / f'mask_{name}').rmdir()
    assert [line.rpartition(': ')[2] for line in _run(folder, steps=steps)] == ['done before'] * 3


def test_weights_are_looked_for_before_the_first_step(folder):
    """With the data; but not those that a step makes, or that a training has read before."""
    steps = _steps(folder)
    made = {'model.backbone.init_cfg.checkpoint': str(folder / 'work/a')}
    steps[1] = replace(steps[1], weights={**made, 'load_from': 'coco.pth'}, resumable_training=True)
    key = 'model.0.init_cfg.checkpoint'
    steps[2] = replace(steps[2], weights={key: 'net.pth'})
    with pytest.raises(PipelineError, match='^data or weights are not there. ') as error:
        _run(folder, steps=steps)
    assert _calls(folder) == ''
    assert str(error.value).splitlines()[1:] == [
        '    coco.pth, which the step b reads. Correct load_from in its config',
        f'    net.pth, which the step c reads. Correct {key} in its config',
    ]
    (folder / 'net.pth').mkdir()
    with pytest.raises(PipelineError, match='net.pth, which the step c reads'):
        _run(folder, steps=steps)
    (folder / 'net.pth').rmdir()
    (folder / 'net.pth').touch()
    # A training that goes on takes its own.
    (folder / 'work/b').mkdir()
    (folder / 'work/b/last_checkpoint').touch()
    with pytest.raises(PipelineError, match='work/b is there, but'):
        _run(folder, steps=steps)
    shutil.rmtree(folder / 'work/b')
    (folder / 'coco.pth').touch()
    _calls(folder)
    _run(folder, steps=steps)
    assert _calls(folder) == 'bc'


def test_what_has_changed_is_named():
    def made_of(settings, *words):
        return dict(commands=[list(words)], settings=settings, needs={})

    before = made_of(dict(a=dict(b=1, c=[1, 2]), d=None), 'train.py')
    for now, said in (
        (made_of(dict(a=dict(b=1.0, c=[1, 2]), d=None), 'train.py'), 'a.b=1, now 1.0'),
        (made_of(dict(a=dict(b=1, c=[1, 3])), 'train.py'), 'a.c.1=2, now 3; d=None, now not there'),
        (made_of(before['settings'], 'train.py', '--cfg-options', 'e=3'), '-, now e=3'),
    ):
        assert changes(before, now) == said


def test_a_work_folder_that_was_moved(folder):
    """Where files lie decides nothing: neither a name nor its spelling."""
    _run(folder)
    _calls(folder)
    (folder / 'work').rename(folder / 'renamed')
    for steps in (_steps(folder, work='renamed'), _steps(Path(), work='renamed')):
        said = _run(folder, steps=steps)
        assert _calls(folder, 'renamed') == ''
        assert [line.rpartition(': ')[2] for line in said] == ['done before'] * 3


def test_a_state_file_that_does_not_say_what_was_made(folder):
    """Nothing is deleted for it."""
    _run(folder)
    file = folder / 'work/pipeline.json'
    steps = json.loads(file.read_text())['steps']
    del steps['b']['made_of']
    file.write_text(json.dumps(dict(steps=steps)))
    _calls(folder)
    with pytest.raises(ValueError, match=r'pipeline\.json cannot be read \(.made_of.\): delete'):
        _run(folder, steps=_steps(folder, ('x', '', '')))
    assert _calls(folder) == ''
    assert (folder / 'work/a').read_text() == 'a'


def test_seconds_are_those_of_all_starts_with_the_same_settings(tmp_path):
    state = PipelineState(tmp_path / 'pipeline.json')
    assert state.seconds('cam') == 0
    for seconds, done in ((2.5, False), (1.0, True)):
        state.begin('cam', 'these', dict(settings=1), (), anew=not state.making('cam'))
        state.end('cam', seconds, done)
    again = PipelineState(tmp_path / 'pipeline.json')
    assert (again.seconds('cam'), again.is_done('cam')) == (3.5, True)
    assert again.made_of('cam') == dict(settings=1)
    again.begin('cam', 'others', {}, (), anew=True)
    assert (again.seconds('cam'), again.is_done('cam')) == (0, False)


def test_a_state_that_cannot_be_written_whole_leaves_the_one_before(tmp_path):
    resource = pytest.importorskip('resource', reason='limits of files are those of POSIX')
    state = PipelineState(tmp_path / 'pipeline.json')
    state.begin('cam', 'these', {}, (), anew=True)
    before = state.path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match='File too large'):
            state.begin('bas', 'these', dict(settings=['x'] * 5000), ('cam',), anew=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert state.path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [state.path]
