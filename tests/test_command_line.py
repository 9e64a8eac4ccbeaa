"""How commands end; the beginning of distributed ones is in test_tools/test_train_test_cli.py."""

import argparse
import contextlib
import logging
import multiprocessing
import os
import runpy
import select
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch.distributed as dist
from mmengine.config import Config

from bas_mm.command_line import (
    close_process_group,
    fail,
    fail_on,
    fail_on_input_errors,
    load_config,
    prepare_devices,
    require_distinct_figures,
    require_writable,
    run_command,
    warn,
    warn_of_two_thresholds,
)
from bas_mm.command_line.messages import say
from bas_mm.datasets import UnreadableImageError
from bas_mm.evaluation.metrics.base_map_metric import BaseMapMetric
from bas_mm.registry import DATASETS, METRICS


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


TWO_OF_SLURM = dict(
    SLURM_PROCID='0', SLURM_NTASKS='2', SLURM_LOCALID='0', SLURM_NODELIST='node[17-18]'
)
TWO_OF_TORCH = dict(RANK='0', WORLD_SIZE='2', LOCAL_RANK='0')
TWO_OF_MPI = dict(
    OMPI_COMM_WORLD_RANK='0', OMPI_COMM_WORLD_SIZE='2', OMPI_COMM_WORLD_LOCAL_RANK='0'
)


@pytest.mark.parametrize(
    ('launcher', 'variables', 'expected'),
    [
        ('slurm', TWO_OF_SLURM, 'first-of-node[17-18]'),
        ('slurm', {**TWO_OF_SLURM, 'SLURM_NODELIST': 'a,b'}, 'first-of-a,b'),
        ('slurm', {**TWO_OF_SLURM, 'SLURM_NODELIST': 'node17'}, '127.0.0.1'),
        ('slurm', {**TWO_OF_SLURM, 'MASTER_ADDR': 'other'}, 'other'),
        ('mpi', {**TWO_OF_MPI, 'OMPI_COMM_WORLD_LOCAL_SIZE': '2'}, '127.0.0.1'),
        ('mpi', {**TWO_OF_MPI, 'OMPI_COMM_WORLD_LOCAL_SIZE': '1', 'MASTER_ADDR': 'a'}, 'a'),
        ('pytorch', dict(RANK='0', WORLD_SIZE='1', LOCAL_RANK='0'), '127.0.0.1'),
        ('pytorch', {**TWO_OF_TORCH, 'MASTER_ADDR': 'b'}, 'b'),
    ],
)
def test_the_processes_of_all_nodes_meet_at_the_first(
    monkeypatch, tmp_path, launcher, variables, expected
):
    """On CPUs, where mmengine does not start the group."""
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\necho "first-of-$3"\necho second\n')
    scontrol.chmod(0o755)
    met = []
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
    monkeypatch.setattr(
        dist, 'init_process_group', lambda *_, **__: met.append(os.environ['MASTER_ADDR'])
    )
    with mock.patch.dict(os.environ):
        for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR'):
            os.environ.pop(name, None)
        os.environ.update(variables, PATH=f'{tmp_path}:{os.environ["PATH"]}')
        prepare_devices(Config({}), launcher)
    assert met == [expected]


@pytest.mark.parametrize('device', ['cpu', 'cuda'])
@pytest.mark.parametrize(
    ('launcher', 'variables', 'said'),
    [
        (
            'slurm',
            {},
            'the variable SLURM_PROCID is not set; start the job with tools/slurm_train.sh, ',
        ),
        ('mpi', {}, 'the variable OMPI_COMM_WORLD_RANK is not set; start the job with mpirun'),
        (
            'pytorch',
            dict(RANK='0', LOCAL_RANK='0'),
            'the variable WORLD_SIZE is not set; start the job with tools/dist_train.sh, ',
        ),
        ('pytorch', TWO_OF_TORCH, 'the variable MASTER_ADDR is not set: the name of the first'),
        (
            'slurm',
            {**TWO_OF_SLURM, 'SLURM_NTASKS': '2(x4)'},
            'the variable SLURM_NTASKS=2(x4) must be a whole number',
        ),
        (
            'pytorch',
            dict(RANK='2', WORLD_SIZE='2', LOCAL_RANK='0'),
            'the variable RANK=2 must be less than WORLD_SIZE=2',
        ),
        (
            'mpi',
            {**TWO_OF_MPI, 'MASTER_PORT': 'tcp://29500'},
            'the variable MASTER_PORT=tcp://29500 must be a whole number up to 65535',
        ),
    ],
)
def test_what_a_launcher_must_have_said(monkeypatch, capsys, device, launcher, variables, said):
    """On a GPU, too, where mmengine starts the group."""
    monkeypatch.setattr('mmengine.device.get_device', lambda: device)
    monkeypatch.setattr(dist, 'init_process_group', lambda *_, **__: pytest.fail('it has begun'))
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    with mock.patch.dict(os.environ):
        for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'):
            os.environ.pop(name, None)
        os.environ.update(variables)
        with pytest.raises(SystemExit, match='2'):
            prepare_devices(Config({}), launcher)
    (line,) = capsys.readouterr().err.splitlines()
    assert f'error: --launcher {launcher}: {said}' in line


@pytest.mark.parametrize('program', ['exit 1', 'exit 0', None])
def test_a_first_node_that_is_not_known(monkeypatch, tmp_path, capsys, program):
    """Each node would wait for itself."""
    if program is not None:
        (tmp_path / 'scontrol').write_text(f'#!/bin/sh\n{program}\n')
        (tmp_path / 'scontrol').chmod(0o755)
    monkeypatch.setattr('mmengine.device.get_device', lambda: 'cpu')
    monkeypatch.setattr(dist, 'init_process_group', lambda *_, **__: pytest.fail('it has begun'))
    for launcher, variables, said in (
        ('slurm', TWO_OF_SLURM, 'scontrol show hostname node[17-18] does not tell the first'),
        ('mpi', {**TWO_OF_MPI, 'OMPI_COMM_WORLD_LOCAL_SIZE': '1'}, 'the job has several nodes'),
    ):
        with mock.patch.dict(os.environ):
            for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR'):
                os.environ.pop(name, None)
            os.environ.update(variables, PATH=str(tmp_path))
            with pytest.raises(SystemExit, match='2'):
                prepare_devices(Config({}), launcher)
        (line,) = capsys.readouterr().err.splitlines()
        assert f'--launcher {launcher}: {said}' in line
        assert 'set the variable MASTER_ADDR' in line


@pytest.mark.parametrize(
    ('rank', 'expected'),
    [
        (None, 'train.py: error: c.py: unreadable picture a.jpg\n'),
        ('0', 'train.py: error: c.py: unreadable picture a.jpg\n'),
        ('3', 'train.py: error: c.py in process 3: unreadable picture a.jpg\n'),
    ],
)
def test_each_process_tells_its_own_errors(monkeypatch, capsys, rank, expected):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    monkeypatch.delenv('BAS_MM_TRACEBACK', raising=False)
    monkeypatch.delenv('RANK', raising=False)
    if rank is not None:
        monkeypatch.setenv('RANK', rank)
    with pytest.raises(SystemExit) as caught, fail_on_input_errors(Config({}), 'c.py'):
        raise UnreadableImageError('unreadable picture a.jpg')
    assert caught.value.code == 2
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(('rank', 'expected'), [('0', 'train.py: error: a\n'), ('3', '')])
def test_what_all_processes_see_is_said_once(monkeypatch, capsys, rank, expected):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    monkeypatch.setenv('RANK', rank)
    with pytest.raises(SystemExit) as caught:
        fail('a')
    assert caught.value.code == 2
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ('launcher', 'variable', 'counts'),
    [
        (['--launcher', 'slurm'], 'SLURM_PROCID', True),
        (['--launcher=mpi'], 'OMPI_COMM_WORLD_RANK', True),
        (['--launch', 'pytorch'], 'RANK', True),  # argparse lets names be cut
        ([], 'RANK', True),  # torchrun of a command without that option
        # As in the shells of salloc and srun --pty.
        ([], 'SLURM_PROCID', False),
        (['--launcher', 'none'], 'SLURM_PROCID', False),
        (['--launcher', 'slurm'], 'OMPI_COMM_WORLD_RANK', False),
        (['--launcher'], 'SLURM_PROCID', False),
    ],
)
def test_the_launcher_of_the_command_line_says_which_process_this_is(
    launcher, variable, counts, monkeypatch, capsys
):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py', 'c.py', '--amp', *launcher])
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)
    for rank in ('0', '3'):
        monkeypatch.setenv(variable, rank)
        is_first = rank == '0' or not counts
        with pytest.raises(SystemExit, match='2'):
            fail('a')
        warn('b')
        say('c')
        with pytest.raises(SystemExit, match='130'):
            run_command(lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        said = capsys.readouterr()
        lines = 'error: a', 'warning: b', 'interrupted'
        assert said.err == ''.join(f'train.py: {line}\n' for line in lines) * is_first
        assert said.out == 'c\n' * is_first
        with pytest.raises(SystemExit), fail_on_input_errors(Config({}), 'c.py'):
            raise UnreadableImageError('d')
        where = 'c.py' if is_first else 'c.py in process 3'
        assert capsys.readouterr().err == f'train.py: error: {where}: d\n'


def test_the_traceback_comes_before_the_message_where_it_is_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    monkeypatch.setenv('BAS_MM_TRACEBACK', '1')
    with pytest.raises(SystemExit), fail_on_input_errors(Config({}), 'c.py'):
        raise UnreadableImageError('unreadable picture a.jpg')
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith('Traceback')
    assert last == 'train.py: error: c.py: unreadable picture a.jpg'


def test_keys_that_a_tool_has_put_in_are_said_as_in_the_file(monkeypatch, capsys):
    cfg = Config(dict(test_dataloader=dict(dataset=dict(type='Nothing'))))
    with (
        pytest.raises(SystemExit),
        fail_on_input_errors(cfg, 'c.py', dict(test_dataloader='train_dataloader')),
    ):
        DATASETS.build(cfg.test_dataloader.dataset)
    assert ": c.py: train_dataloader.dataset.type='Nothing': there is" in capsys.readouterr().err


def test_gloo_jobs_end_at_once(monkeypatch):
    """With their children, whom nobody would wait for."""
    ended = []
    child = SimpleNamespace(terminate=lambda: ended.append('child'))
    monkeypatch.setattr(multiprocessing, 'active_children', lambda: [child])
    monkeypatch.setattr(dist, 'is_initialized', lambda: True)
    monkeypatch.setattr(dist, 'get_backend', lambda: 'gloo')
    monkeypatch.setattr(logging, 'shutdown', lambda: None)
    monkeypatch.setattr(os, '_exit', lambda status: ended.append(status))
    with pytest.raises(SystemExit), fail_on_input_errors(Config({}), 'c.py'):
        raise UnreadableImageError('unreadable picture a.jpg')
    assert ended == ['child', 2]


def test_errors_of_the_description_do_not_take_the_place_of_others(monkeypatch):
    monkeypatch.setattr('bas_mm.utils.input_errors.describe_input_error', lambda *_: 1 / 0)
    with pytest.raises(ValueError, match='the first'), fail_on_input_errors(Config({}), 'c.py'):
        raise ValueError('the first')


def test_kinds_of_errors_that_are_the_inputs_whoever_raised_them(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    with (
        pytest.raises(SystemExit) as caught,
        fail_on_input_errors(Config({}), 'c.py', others=(OSError,)),
    ):
        raise FileExistsError('disk a is full')
    assert caught.value.code == 2
    assert capsys.readouterr().err == 'train.py: error: c.py: disk a is full\n'
    with (
        pytest.raises(ValueError, match='too many'),
        fail_on_input_errors(Config({}), 'c.py', others=(OSError,)),
    ):
        _first, _second = range(3)


@pytest.mark.parametrize('wanted', [False, True])
def test_a_command_without_a_config_gives_its_traceback_where_it_is_asked_for(
    monkeypatch, capsys, wanted
):
    monkeypatch.setenv('BAS_MM_TRACEBACK', str(int(wanted)))
    with pytest.raises(SystemExit), fail_on(KeyError, OSError):
        raise OSError('the list is lost')
    *before, last = capsys.readouterr().err.splitlines()
    assert last.endswith(': error: the list is lost')
    assert before[:1] == (['Traceback (most recent call last):'] if wanted else [])


def test_output_that_nobody_reads_is_not_an_error_of_the_input():
    for ends in (fail_on(OSError), fail_on_input_errors(Config(), 'a.py', others=(OSError,))):
        with pytest.raises(BrokenPipeError), ends:
            raise BrokenPipeError


def test_places_of_results(tmp_path, monkeypatch, capsys):
    file, folder, link = tmp_path / 'file', tmp_path / 'folder', tmp_path / 'link'
    file.touch()
    folder.mkdir()
    link.symlink_to(tmp_path / 'nowhere')
    monkeypatch.chdir(tmp_path)
    for path, is_folder in (
        *((file, False), (tmp_path / 'new', False), (tmp_path / 'a/b/c', False), ('c', False)),
        *((folder, True), (tmp_path / 'a/b', True), ('a', True)),
    ):
        require_writable(path, '--out', is_folder)
    assert sorted(tmp_path.iterdir()) == [file, folder, link], 'something was made'

    def said(path, is_folder=False):
        with pytest.raises(SystemExit, match='2'):
            require_writable(path, '--out', is_folder)
        return capsys.readouterr().err.partition('error: ')[2]

    assert said(folder) == f'--out {folder} is a folder\n'
    assert said('/dev/null') == '--out /dev/null is no ordinary file\n'
    assert said('file/a/b') == f'--out file/a/b: {file} is no folder\n'
    assert said('file', True) == f'--out file: {file} is no folder\n'
    assert said('link/a') == f'--out link/a: {link} is no folder\n'
    # A file is written where a link leads.
    (tmp_path / 'astray').symlink_to('file/a')
    assert said('astray') == f'--out astray: {file} is no folder\n'
    # root may write anywhere but on a disk that is read-only.
    monkeypatch.setattr(os, 'access', lambda path, _: str(path) != str(folder))
    assert said('folder/a') == f'--out folder/a: the folder {folder} cannot be written to\n'
    assert said('folder/a', True) == f'--out folder/a: the folder {folder} cannot be written to\n'
    (tmp_path / 'away').symlink_to('folder/a')
    assert said('away') == f'--out away: the folder {folder} cannot be written to\n'


def test_other_errors_pass():
    with pytest.raises(ValueError, match='too many'), fail_on_input_errors(Config({}), 'c.py'):
        _first, _second = range(3)


ROOT = Path(__file__).resolve().parents[1]
# A command, with 100 kB of output where a pipe's buffer has 64.
PROGRAM = """
import os, sys
from bas_mm.command_line import run_command

def main():
    {}

run_command(main)
"""


def ends(body, **streams):
    """Status and stderr of a command."""
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM.format(body)],
        env={'PYTHONPATH': str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        **streams,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    'body',
    ["print('x')", "print('x' * 100_000)", "print('x', flush=True)", "print('x'); sys.exit(2)"],
)
def test_output_that_nobody_reads(body):
    reader, writer = os.pipe()
    os.close(reader)
    assert ends(body, stdout=writer) == (141, '')
    os.close(writer)


def test_broken_pipes_of_others_are_errors_of_the_program():
    status, said = ends('raise BrokenPipeError', stdout=subprocess.DEVNULL)
    assert status == 1
    assert 'Traceback' in said


def test_output_that_is_closed():
    body = "print('x'); sys.stdout.isatty(); os.write(2, b'done')"
    assert ends(body, stdout=None, preexec_fn=lambda: os.close(1)) == (0, 'done')


@pytest.mark.parametrize(
    ('encoding', 'expected'),
    [
        ('latin-1', b'\\u03b8 \xe9 \\udcff\n'),
        ('utf-8', 'θ é \\udcff\n'.encode()),
        ('utf-8:surrogateescape', 'θ é '.encode() + b'\xff\n'),
    ],
)
def test_letters_that_the_encoding_of_the_output_lacks(encoding, expected):
    code = PROGRAM.format(r"print('\u03b8 \xe9 \udcff')")
    env = {'PYTHONPATH': str(ROOT), 'PYTHONIOENCODING': encoding}
    done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True)
    assert done.stdout == expected, done.stderr


def test_output_without_an_encoding(monkeypatch):
    monkeypatch.setattr(sys, 'stdout', SimpleNamespace(flush=lambda: None))
    assert run_command(lambda: None) is None


def test_an_interrupted_command(monkeypatch, capsys):
    def main():
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    for rank, said in (('0', 'train.py: interrupted\n'), ('1', '')):
        monkeypatch.setenv('RANK', rank)
        with pytest.raises(SystemExit, match='130'):
            run_command(main)
        assert capsys.readouterr().err == said


def _work() -> None:
    os.write(1, f'{os.getpid()}\n'.encode())
    time.sleep(60)


def _launch(output: int) -> None:
    """What torchrun does, which is killed then."""
    os.environ['TORCHELASTIC_RUN_ID'] = 'none'
    os.dup2(output, 1)
    process = multiprocessing.get_context('fork').Process(target=run_command, args=(_work,))
    process.start()
    process.join()


@pytest.mark.skipif(sys.platform != 'linux', reason='Linux ends them')
def test_a_killed_launcher_takes_its_processes_with_it():
    reading, writing = os.pipe()
    launcher = multiprocessing.get_context('fork').Process(target=_launch, args=(writing,))
    launcher.start()
    os.close(writing)
    with open(reading) as said:
        process = int(said.readline())
        launcher.kill()
        launcher.join()
        ends, _, _ = select.select([said], [], [], 10)
        if not ends:
            os.kill(process, signal.SIGKILL)
        assert ends, 'the process outlives its launcher'
        assert said.read() == ''  # closed, as nobody is left


@pytest.mark.parametrize(
    ('metrics', 'figure'),
    [
        (dict(type='LocalizationMetric', thresholds=0.2), 0.2),
        ([dict(type='PxAP'), dict(type='LocalizationMetric', thresholds=0.2)], 0.2),
        (dict(type='LocalizationMetric', thresholds=0.3), None),
        (dict(type='LocalizationMetric', thresholds=[0.2, 0.3]), None),
        (None, None),
    ],
)
def test_figures_of_another_threshold_than_the_boxes(metrics, figure, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['tools/test.py'])
    cfg = Config(dict(model=dict(test_cfg=dict(threshold=0.3)), test_evaluator=metrics))
    for model, rank, is_said in (
        (cfg.model, '0', figure is not None),
        (cfg.model, '1', False),
        (dict(test_cfg=None), '0', False),
        (None, '0', False),
    ):
        cfg.model = model
        monkeypatch.setenv('RANK', rank)
        warn_of_two_thresholds(cfg, 'c.py')
        said = (
            'test.py: warning: c.py has two θ: boxes are at 0.3 (model.test_cfg.threshold), the '
            f'figures of a test at {figure} (test_evaluator.thresholds)\n'
        )
        assert capsys.readouterr().err == (said if is_said else '')


# Sums of two pictures for each of our metrics, from which figures are made.
SUMS = {
    'CocoBoxWriter': (1,),
    'DetectionLocalizationMetric': (8,),
    'LocalizationMetric': (8, 1),
    'MapWriter': (0,),
    'MaxBoxAcc': (1, 1000),
    'MaxBoxAccV2': (4, 1000),
    'PxAP': (2, 1001),
    'ViewBoxAcc': (4, 1000),
}
NEEDED = {
    'CocoBoxWriter': dict(out_file='boxes.json', threshold=0.1),
    'MapWriter': dict(out_dir='maps'),
}


def names_of_figures(metric):
    kind = metric['type']
    sums = np.ones(SUMS[kind], np.int64)
    built = METRICS.build({**NEEDED.get(kind, {}), **metric})
    return {f'{built.prefix}/{name}' for name in built.figures(sums, 2)[0]}


def test_figures_of_one_name_are_found_before_the_work(capsys):
    """As mmengine finds them after it."""
    kinds = {cls.__name__ for cls in METRICS.module_dict.values() if issubclass(cls, BaseMapMetric)}
    assert kinds == set(SUMS), 'a metric is new'
    metrics = [dict(type=kind) for kind in SUMS]
    metrics += [
        dict(type='MaxBoxAccV2', with_max_box_acc=True),
        dict(type='ViewBoxAcc', with_max_box_acc=True),
        dict(type='MaxBoxAcc', prefix='second'),
        dict(type='DetectionLocalizationMetric', class_agnostic=True),
        dict(type='DetectionLocalizationMetric', prefix='localization'),
    ]
    refused = set()
    for first, second in product(metrics, repeat=2):
        cfg = Config(dict(val_evaluator=first, test_evaluator=[first, second]))
        if names_of_figures(first) & names_of_figures(second):
            with pytest.raises(SystemExit, match='2'):
                require_distinct_figures(cfg, 'c.py', 'test_evaluator')
            refused.add(capsys.readouterr().err.partition(' has ')[2].partition(',')[0])
        else:
            require_distinct_figures(cfg, 'c.py', 'val_evaluator', 'test_evaluator')
    assert refused > {'ViewBoxAcc twice', 'MaxBoxAcc and MaxBoxAccV2', 'CocoBoxWriter twice'}
    assert 'LocalizationMetric and DetectionLocalizationMetric' in refused


def test_a_value_that_is_no_number_is_refused_before_the_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    config = tmp_path / 'c.py'
    config.write_text("optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1))")
    assert load_config(str(config), ['optim_wrapper.optimizer.lr=0.001']).optim_wrapper
    with pytest.raises(SystemExit, match='2'):
        load_config(str(config), ['optim_wrapper.optimizer.lr=0,001'])
    said = capsys.readouterr().err
    assert said.startswith(
        f'train.py: error: {config}: optim_wrapper.optimizer.lr=[0, 1]: a number is needed'
    )
    assert said.endswith('write 0.001\n')


def test_the_status_of_a_command():
    assert run_command(lambda: None) is None
    assert run_command(lambda: 0) is None
    for main in (lambda: 3, lambda: sys.exit(3)):
        with pytest.raises(SystemExit, match='3'):
            run_command(main)
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 / 0)


def test_an_interrupt_of_which_a_library_has_made_another_error(monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    # A checkpoint holds the config's text; what formats it is within a bare `except`.
    cfg = Config(dict(lr=0.1))
    monkeypatch.setattr('yapf.yapflib.yapf_api.FormatCode', stop)
    monkeypatch.setattr(sys, 'argv', ['tools/train.py'])
    with pytest.raises(SyntaxError, match='check the syntax'):
        _ = cfg.pretty_text

    def twice():
        try:
            return cfg.pretty_text
        except SyntaxError as error:
            raise RuntimeError('of the hook') from error

    def in_a_run():
        with fail_on_input_errors(cfg, 'c.py'):
            twice()

    for main in (lambda: cfg.pretty_text, twice, in_a_run):
        with pytest.raises(SystemExit, match='130'):
            run_command(main)
        assert capsys.readouterr().err == 'train.py: interrupted\n'


def test_what_fails_after_an_interrupt_is_told(tmp_path):
    def put_away():
        raise ValueError('half a file is left')

    def in_a_function():
        try:
            raise KeyboardInterrupt
        finally:
            put_away()

    def in_c():
        try:
            raise KeyboardInterrupt
        finally:
            os.rmdir(tmp_path / 'nowhere')

    def after_it():
        with contextlib.suppress(KeyboardInterrupt):
            raise KeyboardInterrupt
        put_away()

    def of_another_error():
        try:
            in_a_function()
        except ValueError as error:
            raise RuntimeError('of the hook') from error

    for main, kind in (
        *((in_a_function, ValueError), (in_c, OSError), (after_it, ValueError)),
        (of_another_error, RuntimeError),
    ):
        with pytest.raises(kind):
            run_command(main)


# Those that measure are for those who write this package.
TOOLS = [
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / 'tools').glob('**/*.py'))
    if not path.name.startswith(('benchmark_', 'check_'))
]


@pytest.mark.parametrize('tool', TOOLS)
def test_every_tool_ends_as_programs_do(tool, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', stop)
    monkeypatch.setattr(sys, 'argv', [tool])
    monkeypatch.setattr(sys, 'path', sys.path.copy())
    with pytest.raises(SystemExit, match='130'):
        runpy.run_path(str(ROOT / tool), run_name='__main__')
    assert capsys.readouterr().err == f'{Path(tool).name}: interrupted\n'


@pytest.mark.parametrize(
    ('tool', 'said'),
    [
        ('train', 'for a text with a comma'),
        ('wsss/eval_masks', 'for a text with a comma'),
        ('wsss/make_irn_labels', 'for a text with a comma'),
        ('analysis_tools/activation_vs_mask', 'for a text with a comma'),
        ('analysis_tools/benchmark_loader', 'for a text with a comma'),
        ('analysis_tools/benchmark_inference', 'for all configs'),
        ('analysis_tools/benchmark_train', 'for all configs'),
        ('analysis_tools/check_device', 'for all configs'),
        ('analysis_tools/report', 'for all configs'),
        ('analysis_tools/benchmark_embedded', 'for both configs'),
        ('quickstart', 'for both configs'),
    ],
)
def test_tools_say_how_settings_are_written_and_what_is_wrong(tool, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'path', sys.path.copy())
    for arguments, status in ((['--help'], 0), (['--cfg-options'], 2)):
        monkeypatch.setattr(sys, 'argv', [f'{tool}.py', *arguments])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(ROOT / f'tools/{tool}.py'), run_name='__main__')
        assert caught.value.code == status
    out, err = capsys.readouterr()
    shown = ' '.join(out.partition('\n  --cfg-options')[2].split())
    assert said in shown
    (line,) = err.splitlines()
    assert 'error: argument --cfg-options: expected at least one argument (see ' in line


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('/data/q 1/old  (2)/masks', '/data/q 1/old  (2)/masks'),
        ('1 2', '1 2'),
        ('/data/[a] b', '/data/[a] b'),
        ('"/data/a, b/masks"', '/data/a, b/masks'),
        ('\'it is "a, b"\'', 'it is "a, b"'),
        ('[traffic light, cat , (x y,1)]', ['traffic light', 'cat', ('x y', 1)]),
        # As mmengine's action has them.
        ('7', 7),
        ('1e-3', 1e-3),
        ('true', True),
        ('None', None),
        ('"8"', 8),
        ("'a'", 'a'),
        ('a,b', ['a', 'b']),
        ('1, 2', [1, 2]),
        ('"[1, 2]"', [1, 2]),
        ('"a","b"', ['a', 'b']),
        ('( 1, (2.5, None) )', (1, (2.5, None))),
        ('[]', []),
        ('a=b', 'a=b'),
        ('', ''),
    ],
)
def test_values_of_settings(tmp_path, text, expected):
    """Blanks in words stay: another folder would be meant without them."""
    config = tmp_path / 'config.py'
    config.write_text('model = dict(a=0)\nb = 0')
    cfg = load_config(str(config), [f'model.a={text}', 'b=3'])
    assert cfg.model.a == expected
    assert type(cfg.model.a) is type(expected)
    assert cfg.b == 3


def test_settings_of_parts_that_nobody_reads(tmp_path, capsys):
    config = tmp_path / 'config.py'
    config.write_text('train_dataloader = dict(batch_size=2)\nseed_cfg = dict(flip=True)')
    # The runner takes these, though the config does not have them.
    cfg = load_config(
        str(config), ['load_from=a.pth', 'custom_imports.imports=[os]', 'resume=True']
    )
    assert cfg.load_from == 'a.pth'
    assert not capsys.readouterr().err
    for setting, like in (
        ('train_dataloder.batch_size=4', 'train_dataloader'),
        ('evn_cfg.cudnn_benchmark=True', 'env_cfg'),
        ('seed_cgf.flip=False', 'seed_cfg'),
    ):
        with pytest.raises(SystemExit) as exit_:
            load_config(str(config), [setting])
        (line,) = capsys.readouterr().err.splitlines()
        name = setting.partition('.')[0]
        assert exit_.value.code == 2
        assert f'--cfg-options {name}: {config} has no such part; like it are {like}' in line
    # These are read although the config does not have them.
    options = ['find_unused_parameters=True', 'seed_evaluator.thresholds=[0.2]', 'mask_cfg.beta=8']
    load_config(str(config), options)
    assert not capsys.readouterr().err
    # A change of a variable comes too late.
    config.write_text("data_root = 'a'\ntrain_dataloader = dict(dataset=dict(data_root=data_root))")
    assert load_config(str(config), ['data_root=b']).train_dataloader.dataset.data_root == 'a'
    (line,) = capsys.readouterr().err.splitlines()
    assert f'--cfg-options data_root: no command reads it; a variable of {config} was put' in line
    # It may be there for a module of one's own.
    assert load_config(str(config), ['of_mine.a=4', 'of_mine.b=5']).of_mine == dict(a=4, b=5)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        f'--cfg-options of_mine: {config} has no such part, and no command reads it'
    )


def test_a_config_that_is_inherited_by_the_package(tmp_path, capsys):
    config = tmp_path / 'config.py'
    config.write_text("_base_ = 'bas_mm::bas/bas_small_embedded.py'")
    with pytest.raises(SystemExit):
        load_config(str(config), [])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"bas_mm's configs are inherited by path: {ROOT / 'configs'}/…")


def test_a_value_that_cannot_be_read_is_one_line(tmp_path, capsys):
    config = tmp_path / 'config.py'
    config.write_text('a = 0')
    with pytest.raises(SystemExit):
        load_config(str(config), ['a=x (1,b'])
    (line,) = capsys.readouterr().err.splitlines()
    assert 'error: --cfg-options a=x (1,b: Imbalanced brackets exist in x (1,b; ' in line
