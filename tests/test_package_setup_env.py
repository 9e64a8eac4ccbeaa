"""tools/setup_env.sh: which environment is taken, and when it is made anew. No pip is run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which('bash') is None, reason='no bash')

# In place of minutes of pip: an environment whose Python is the one that runs the tests.
FAKE_INSTALL = """
bas_mm_install() {
    echo "INSTALLED" >&2
    find "$1" -mindepth 1 -maxdepth 1 ! -name '.bas_mm_*' -exec rm -rf {} +
    mkdir -p "$1/bin"
    printf '#!/bin/sh\\nexit 0\\n' >"$1/bin/python"
    chmod +x "$1/bin/python"
    [ -z "${FAIL_INSTALL:-}" ] || return 1
}
"""


@pytest.fixture
def checkout(tmp_path: Path, repo_dir: Path) -> Path:
    """What the script needs of a checkout, in a folder whose name has a space."""
    root = tmp_path / 'a checkout'
    (root / 'tools').mkdir(parents=True)
    (root / 'requirements').mkdir()
    shutil.copy(repo_dir / 'tools/setup_env.sh', root / 'tools')
    for name in ('pinned.txt', 'crf.txt'):
        shutil.copy(repo_dir / 'requirements' / name, root / 'requirements')
    return root


def run(checkout: Path, code: str = FAKE_INSTALL, **env: str) -> subprocess.CompletedProcess:
    clean = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith('BAS_MM_') and k not in ('VIRTUAL_ENV', 'CONDA_PREFIX', 'PYTHONPATH')
    }
    script = (
        'set -euo pipefail\n'
        f'. "{checkout}/tools/setup_env.sh"\n{code}\nbas_mm_setup\n'
        'echo "PYTHON=$BAS_MM_ENV_PYTHON"\n'
    )
    return subprocess.run(
        ['bash', '-c', script],
        capture_output=True,
        text=True,
        cwd=checkout.parent,
        stdin=subprocess.DEVNULL,
        env={**clean, 'BAS_MM_PYTHON': sys.executable, **env},
    )


def test_is_made_once_and_used_again(checkout):
    first = run(checkout)
    assert first.returncode == 0, first.stderr
    assert 'INSTALLED' in first.stderr
    assert first.stdout == f'PYTHON={checkout}/.venv/bin/python\n'
    second = run(checkout)
    assert second.returncode == 0, second.stderr
    assert 'INSTALLED' not in second.stderr
    assert second.stdout == first.stdout


def test_is_made_anew_when_the_pinned_versions_change(checkout):
    run(checkout)
    with (checkout / 'requirements/pinned.txt').open('a') as file:
        file.write('# changed\n')
    assert 'INSTALLED' in run(checkout).stderr
    assert 'INSTALLED' not in run(checkout).stderr


def test_an_interrupted_installation_starts_from_nothing(checkout):
    failed = run(checkout, FAIL_INSTALL='1')
    assert failed.returncode != 0
    assert 'PYTHON=' not in failed.stdout
    (checkout / '.venv/left-behind').touch()
    again = run(checkout)
    assert again.returncode == 0, again.stderr
    assert 'INSTALLED' in again.stderr
    assert not (checkout / '.venv/left-behind').exists()


def test_cache_folder(checkout, tmp_path):
    cache = tmp_path / 'cache'
    first = run(checkout, BAS_MM_CACHE=str(cache))
    assert first.returncode == 0, first.stderr
    (made,) = cache.iterdir()
    assert first.stdout == f'PYTHON={made}/bin/python\n'
    assert not (checkout / '.venv').exists()
    assert 'INSTALLED' not in run(checkout, BAS_MM_CACHE=str(cache)).stderr
    # A second checkout with the same pinned versions shares it.
    other = checkout.with_name('other')
    shutil.copytree(checkout, other)
    shared = run(other, BAS_MM_CACHE=str(cache))
    assert 'INSTALLED' not in shared.stderr
    assert shared.stdout == first.stdout


def test_a_venv_of_somebody_elses_is_not_touched(checkout):
    mine = checkout / '.venv/mine'
    mine.parent.mkdir()
    mine.write_text('keep')
    done = run(checkout)
    assert done.returncode == 1
    assert 'was not made by this script' in done.stderr
    assert [p.name for p in mine.parent.iterdir()] == ['mine']


def test_no_usable_python(checkout):
    done = run(checkout, BAS_MM_PYTHON='no-such-python')
    assert done.returncode == 1
    assert 'no usable Python found (tried: no-such-python)' in done.stderr
    assert 'BAS_MM_PYTHON' in done.stderr
    assert not (checkout / '.venv').exists()


def test_the_tools_of_an_installed_package_make_no_environment(checkout):
    shutil.rmtree(checkout / 'requirements')
    done = run(checkout)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f'[setup] error: {checkout} has no requirements/pinned.txt: no env')
    assert line.endswith('set BAS_MM_SKIP_SETUP=1.')
    assert [path.name for path in checkout.iterdir()] == ['tools']
    assert run(checkout, BAS_MM_SKIP_SETUP='1').stdout == f'PYTHON={sys.executable}\n'


def test_skipping(checkout):
    done = run(checkout, BAS_MM_SKIP_SETUP='1')
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'PYTHON={sys.executable}\n'
    assert not (checkout / '.venv').exists()


def test_an_active_environment_that_imports_everything_is_used(checkout, repo_dir):
    (checkout / 'bas_mm').symlink_to(repo_dir / 'bas_mm')
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    done = run(checkout, VIRTUAL_ENV=str(Path(sys.executable).parents[1]), PATH=path)
    assert done.returncode == 0, done.stderr
    assert 'using the active environment' in done.stderr
    assert not (checkout / '.venv').exists()


def test_an_active_environment_that_does_not_is_left_alone(checkout):
    # No bas_mm in this checkout, so nothing imports.
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    code = FAKE_INSTALL + '\nbas_mm_imports_all() { return 1; }\n'
    # Not the environment of this test, which may be one that the script made.
    done = run(checkout, code, VIRTUAL_ENV=str(checkout / 'other'), PATH=path)
    assert done.returncode == 0, done.stderr
    assert 'left alone' in done.stderr
    assert done.stdout == f'PYTHON={checkout}/.venv/bin/python\n'
