"""The shell commands find their checkout from wherever, and by whatever name, they are started."""

import os
import shutil
import subprocess

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


def test_all_are_here():
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'tools').rglob('*.sh')}
    assert found - {'tools/setup_env.sh'} == COMMANDS.keys() - {'.ci/run'}


@pytest.fixture
def start(tmp_path):
    """Start a command with a program in Python's place that tells of what it is given."""

    def start(command, *arguments, cwd, **variables):
        env = {k: v for k, v in TinyProject.environment().items() if not k.startswith('BAS_MM_')}
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


def test_the_setup_knows_its_checkout(tmp_path, start):
    (tmp_path / 'link').symlink_to(ROOT / 'tools' / 'setup_env.sh')
    script = ['-c', '. "$0"; echo "$bas_mm_root"']
    for path, cwd in (('tools/setup_env.sh', ROOT), ('./link', tmp_path)):
        assert start(script, path, cwd=cwd, CDPATH=str(ROOT)) == f'{ROOT}\n'
