"""The shell commands find their checkout from wherever, and by whatever name, they are started."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tiny_project import ROOT, TinyProject

pytestmark = pytest.mark.skipif(shutil.which('bash') is None, reason='no bash')

# Of each the arguments, and what of the checkout it is to run.
COMMANDS = {
    'tools/dist_train.sh': ('c.py 2', 'tools/train.py'),
    'tools/dist_test.sh': ('c.py a.pth 2', 'tools/test.py'),
    'tools/slurm_train.sh': ('part job c.py work', 'tools/train.py'),
    'tools/slurm_test.sh': ('part job c.py a.pth', 'tools/test.py'),
    'tools/wsss/dist_make_seeds.sh': ('c.py a.pth out 2', 'tools/wsss/make_seeds.py'),
    'tools/wsss/dist_make_masks.sh': ('c.py a.pth seeds out 2', 'tools/wsss/make_masks.py'),
    'tools/quickstart.sh': ('', 'tools/quickstart.py'),
    'tools/run_tests.sh': ('', '-m pytest'),
    'tools/setup_det.sh': ('stub', ''),
    '.ci/run': ('', '-m pytest'),
}

# The variables of a job's machines, and what is made of them. Without any it is this machine.
JOBS = {
    'dist': [
        (
            dict(NNODES='3', NODE_RANK='1', MASTER_ADDR='10.0.0.7', PORT='1234'),
            '--nnodes=3 --node_rank=1 --master_addr=10.0.0.7 --master_port=1234',
        ),
        ({}, '--nnodes=1 --node_rank=0 --master_addr=127.0.0.1 --master_port=29500'),
    ],
    'slurm': [
        (
            dict(GPUS='12', GPUS_PER_NODE='4', CPUS_PER_TASK='9'),
            '--gres=gpu:4 --ntasks=12 --ntasks-per-node=4 --cpus-per-task=9',
        ),
        (
            dict(GPUS='6', SRUN_ARGS='-x n1'),
            '--gres=gpu:6 --ntasks=6 --ntasks-per-node=6 --cpus-per-task=5 --kill-on-bad-exit=1 '
            '-x n1',
        ),
        ({}, '--gres=gpu:8 --ntasks=8 --ntasks-per-node=8 --cpus-per-task=5'),
    ],
}


def test_all_are_here():
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'tools').rglob('*.sh')}
    assert found - {'tools/setup_env.sh'} == COMMANDS.keys() - {'.ci/run'}


@pytest.fixture
def start(tmp_path):
    """Start a command with a program in Python's place that tells of what it is given."""

    def start(command, *arguments, cwd, **variables):
        own = {name for jobs in JOBS.values() for names, _ in jobs for name in names}
        env = {
            name: value
            for name, value in TinyProject.environment().items()
            if not name.startswith('BAS_MM_') and name not in own
        }
        env.update(PATH=f'{tmp_path / "bin"}{os.pathsep}{env["PATH"]}', PYTHON='stub', **variables)
        done = subprocess.run(
            ['bash', *command, *arguments],
            cwd=cwd,
            env={**env, 'BAS_MM_SKIP_SETUP': '1', 'BAS_MM_PYTHON': 'stub'},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    (tmp_path / 'bin').mkdir()
    for name in ('stub', 'srun'):
        program = tmp_path / 'bin' / name
        program.write_text('#!/bin/sh\necho "$@"\necho "PYTHONPATH=$PYTHONPATH in $PWD"\n')
        program.chmod(0o755)
    return start


@pytest.mark.parametrize('command', COMMANDS)
def test_they_run_their_own_checkout(command, tmp_path, start):
    arguments, runs = COMMANDS[command]
    link = tmp_path / 'links' / 'link'
    link.parent.mkdir()
    link.symlink_to(ROOT / command)
    # Where cd finds a folder by CDPATH it prints it.
    in_checkout = start([command], *arguments.split(), cwd=ROOT, CDPATH=str(ROOT))
    by_link = start([link.name], *arguments.split(), cwd=link.parent)
    for said in (in_checkout, by_link):
        assert f'PYTHONPATH={ROOT} in ' in said
        assert (f'{ROOT}/{runs}' if runs.endswith('.py') else runs) in said
    if runs == '-m pytest':
        assert f'in {ROOT}\n' in by_link


@pytest.mark.parametrize(
    ('command', 'variables', 'words'),
    [
        (command, *job)
        for command in COMMANDS
        for job in JOBS.get(Path(command).name.partition('_')[0], ())
    ],
)
def test_a_job_on_several_machines(command, variables, words, start):
    said = start([command], *COMMANDS[command][0].split(), cwd=ROOT, **variables)
    assert f' {words} ' in said
    if 'dist_' in command:  # on each of them
        assert f' {words} --nproc_per_node=2 {ROOT}/' in said


def test_the_setup_knows_its_checkout(tmp_path, start):
    (tmp_path / 'link').symlink_to(ROOT / 'tools' / 'setup_env.sh')
    script = ['-c', '. "$0"; echo "$bas_mm_root"']
    for path, cwd in (('tools/setup_env.sh', ROOT), ('./link', tmp_path)):
        assert start(script, path, cwd=cwd, CDPATH=str(ROOT)) == f'{ROOT}\n'
