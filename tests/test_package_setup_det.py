"""tools/setup_det.sh and the detector part of run_tests.sh. No pip is run and no mmcv compiled."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which('bash') is None, reason='no bash')

# In place of Python: environments are copies of it, pip does nothing but leave a wheel.
FAKE_PYTHON = """#!/usr/bin/env bash
echo "REQUIRE=${{BAS_MM_REQUIRE_DET:-}} $(basename "$0") $*" | tr '\\n' ' ' >>"$FAKE_LOG"
echo >>"$FAKE_LOG"
case "$*" in
"-m venv "*)
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
    for second in {{1..20}}; do
        [ "$(grep -c -e '-m venv' "$FAKE_LOG")" -ge "${{FAKE_WAITS_FOR:-0}}" ] && exit
        sleep 1
    done
    exit 1
    ;;
*"-m pip"*" wheel "*)
    [ "${{MMCV_WITH_OPS:-}}" = 1 ] || exit 1
    echo "CFLAGS=$CFLAGS" >>"$FAKE_LOG"
    # As torch compiles a source: -H names what is read, with ! what was precompiled.
    echo '#include <torch/types.h>' | "$CXX" -H $CFLAGS -fPIC -I "$FAKE_TORCH_FOLDER/include" \
        -std=c++17 -DTORCH_EXTENSION_NAME=_ext -c -x c++ - -o /dev/null 2>>"$FAKE_LOG" || exit 1
    while [ "$1" != -w ]; do shift; done
    mkdir -p "$2"
    [ -z "${{FAKE_FAIL:-}}" ] || {{ echo 'error: the compiler gave up'; exit 1; }}
    touch "$2/onedl_mmcv-2.3.6-fake.whl"
    ;;
*import_module*" mmcv.ops "*) case "$0" in */det-*/* | */.venv-det/*) ;; *) exit 1 ;; esac ;;
*"-m pip"* | *import_module* | *"import cv2"* | *"-m ruff"*)
    [ -z "${{FAKE_PIP_TAKES:-}}" ] || sleep "$FAKE_PIP_TAKES"
    exit 0
    ;;
*"-m pytest"*) exit "${{FAKE_TESTS:-0}}" ;;
*"print(sys.executable)"*) echo "$0" ;;
*"import xdist"*) exit 1 ;;
*torch.__version__*) echo "mmcv-torch-$FAKE_TORCH-${{@: -1}}" ;;
*torch.__path__*) echo "$FAKE_TORCH_FOLDER" ;;
*torch.cuda.is_available*) echo "${{FAKE_DEVICE:-cpu}}" ;;
*CUDA_HOME*) echo "12.8 ${{FAKE_CUDA_HOME:-None}}" ;;
*) exec "{python}" "$@" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path, repo_dir: Path) -> Path:
    """What the scripts need of a checkout, in a folder whose name has a space."""
    root = tmp_path / 'a checkout'
    (root / 'tools').mkdir(parents=True)
    for name in ('setup_env.sh', 'setup_det.sh', 'run_tests.sh'):
        shutil.copy(repo_dir / 'tools' / name, root / 'tools')
    shutil.copytree(repo_dir / 'requirements', root / 'requirements')
    fake = tmp_path / 'fake' / 'python3'
    fake.parent.mkdir()
    fake.write_text(FAKE_PYTHON.format(python=sys.executable))
    fake.chmod(0o755)
    return root


def variables(checkout: Path, **env: str) -> dict[str, str]:
    clean = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(('BAS_MM_', 'PYTEST_'))
        and k not in ('VIRTUAL_ENV', 'CONDA_PREFIX', 'PYTHONPATH', 'CI', 'MAX_JOBS', 'CFLAGS')
    }
    folder = checkout.parent
    own = dict(
        BAS_MM_PYTHON=str(folder / 'fake/python3'),
        BAS_MM_CACHE=str(folder / 'cache'),
        FAKE_LOG=str(folder / 'log'),
        FAKE_TORCH='2.10.0',
        FAKE_TORCH_FOLDER=str(folder / 'a torch'),
        CXX='true',  # a compiler that says it is there
    )
    return {**clean, **own, **env}


def run(checkout: Path, *command: str, script: str = 'setup_det.sh', **env: str):
    return subprocess.run(
        ['bash', str(checkout / 'tools' / script), *command],
        capture_output=True,
        text=True,
        cwd=checkout.parent,
        stdin=subprocess.DEVNULL,
        env=variables(checkout, **env),
    )


def calls(checkout: Path, pattern: str) -> list[str]:
    """The calls of Python that have a pattern in them."""
    file = checkout.parent / 'log'
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in lines if re.search(pattern, line)]


def wheels(checkout: Path) -> list[str]:
    folder = checkout.parent / 'cache' / 'wheels'
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob('*.whl'))


def environment(checkout: Path) -> Path:
    (folder,) = (checkout.parent / 'cache').glob('det-*')
    return folder


def test_the_wheel_is_built_once_for_each_torch(checkout):
    done = run(checkout, CFLAGS='-O1')
    assert done.returncode == 0, done.stderr
    assert 'compiling the operators of mmcv' in done.stderr
    assert wheels(checkout) == ['mmcv-torch-2.10.0-cpu/onedl_mmcv-2.3.6-fake.whl']
    (build,) = calls(checkout, ' wheel ')
    assert '--no-cache-dir' in build
    assert 'onedl-mmcv==2.3.6' in build
    # setuptools takes CFLAGS in place of Python's own: they have an -O of ours, which the user's
    # may change, and no debug information.
    assert calls(checkout, '^CFLAGS=') == ['CFLAGS=-O2 -DNDEBUG -fwrapv -O1 -g0']
    assert len(calls(checkout, r'--no-deps .*/wheels/mmcv-torch-2\.10\.0-cpu/\S+\.whl')) == 1
    assert f'source {environment(checkout)}/bin/activate' in done.stderr

    # As it is; nothing is installed.
    (checkout.parent / 'log').unlink()
    assert run(checkout).returncode == 0
    assert calls(checkout, '-m pip') == []
    # Made anew, with the wheel that is there.
    with (checkout / 'requirements/det_pinned.txt').open('a') as file:
        file.write('# changed\n')
    done = run(checkout)
    assert done.returncode == 0, done.stderr
    assert calls(checkout, '-m venv') != []
    assert calls(checkout, ' wheel ') == []
    # Another torch, which its pin brings, has another wheel.
    with (checkout / 'requirements/det_pinned.txt').open('a') as file:
        file.write('# another torch\n')
    assert run(checkout, FAKE_TORCH='2.11.0').returncode == 0
    assert len(calls(checkout, ' wheel ')) == 1
    assert len(wheels(checkout)) == 2


@pytest.fixture
def torch_headers(checkout) -> Path:
    """The header that is to be precompiled, of a torch in a folder whose name has a space."""
    header = checkout.parent / 'a torch/include/torch/types.h'
    header.parent.mkdir(parents=True)
    header.write_text('#pragma once\n#include <vector>\n')
    return header


def gnu_compiler() -> str:
    for name in ('g++', 'c++'):
        macros = subprocess.run(
            [shutil.which(name) or 'false', '-dM', '-E', '-x', 'c++', os.devnull],
            capture_output=True,
            text=True,
        ).stdout
        if '__GNUC__' in macros and '__clang__' not in macros:
            return name
    pytest.skip('no g++')


def precompiled(checkout: Path) -> bool:
    """Was a precompiled header taken when the source was compiled? None may remain."""
    assert [p.name for p in checkout.parent.rglob('*.gch')] == []
    assert [p.name for p in checkout.parent.rglob('.building')] == []
    return calls(checkout, r'^! \S.*/bas_mm_torch\.hpp\.gch$') != []


def test_torchs_headers_are_precompiled(checkout, torch_headers):
    done = run(checkout, CXX=gnu_compiler(), BAS_MM_CACHE=str(checkout.parent / 'a cache'))
    assert done.returncode == 0, done.stderr
    assert precompiled(checkout)


def test_a_users_flags_are_precompiled_with(checkout, torch_headers):
    done = run(checkout, CXX=gnu_compiler(), CFLAGS='-O1 -DMINE=1')
    assert done.returncode == 0, done.stderr
    assert precompiled(checkout)
    assert calls(checkout, '^CFLAGS=.* -O1 -DMINE=1 -g0 -include') != []


def test_headers_that_cannot_be_precompiled(checkout, torch_headers):
    """As where the disk is full: then it takes longer."""
    compiler = checkout.parent / 'no precompiling'
    compiler.write_text(
        f'#!/bin/sh\ncase "$*" in *c++-header*) exit 1 ;; esac\nexec {gnu_compiler()} "$@"\n'
    )
    compiler.chmod(0o755)
    done = run(checkout, CXX=str(compiler))
    assert done.returncode == 0, done.stderr
    assert not precompiled(checkout)
    assert calls(checkout, '^CFLAGS=.*-include') == []
    assert len(wheels(checkout)) == 1


@pytest.mark.parametrize(
    ('macros', 'device'),
    [
        ('#define __GNUC__ 4\n#define __clang__ 1', 'cpu'),
        ('#define _MSC_VER 1', 'cpu'),
        ('#define __GNUC__ 12', 'cuda'),
    ],
)
def test_compilers_that_get_nothing_precompiled(checkout, macros, device):
    """clang refuses a precompiled header that does not fit, and nvcc cannot read one of g++."""
    compiler = checkout.parent / 'compiler'
    compiler.write_text(
        '#!/bin/sh\ncase "$*" in\n'
        f"*-dM*) echo '{macros}' ;;\n"
        '*c++-header*) echo precompiling >>"$FAKE_LOG" ;;\n'
        'esac\n'
    )
    compiler.chmod(0o755)
    home = fake_toolkit(checkout, '12.8')
    done = run(checkout, CXX=str(compiler), FAKE_DEVICE=device, FAKE_CUDA_HOME=home)
    assert done.returncode == 0, done.stderr
    assert calls(checkout, '^precompiling') == []
    assert calls(checkout, '^CFLAGS=.*-include') == []
    assert len(wheels(checkout)) == 1


def fake_toolkit(checkout: Path, release: str) -> str:
    """A CUDA toolkit of a release; where it is."""
    nvcc = checkout.parent / f'cuda {release}' / 'bin' / 'nvcc'
    nvcc.parent.mkdir(parents=True, exist_ok=True)
    nvcc.write_text(f'#!/bin/sh\necho "Cuda compilation tools, release {release}, V{release}.61"\n')
    nvcc.chmod(0o755)
    return str(nvcc.parents[1])


def test_an_environment_of_a_machine_without_a_gpu_gets_operators_for_the_gpu(checkout):
    """On a cluster it is made on the login node, which has none."""
    assert run(checkout).returncode == 0
    (checkout.parent / 'log').unlink()
    gpu = dict(FAKE_DEVICE='cuda', FAKE_CUDA_HOME=fake_toolkit(checkout, '12.9'))
    done = run(checkout, **gpu)
    assert done.returncode == 0, done.stderr
    names = [f'mmcv-torch-2.10.0-{device}/onedl_mmcv-2.3.6-fake.whl' for device in ('cpu', 'cuda')]
    assert wheels(checkout) == names
    assert len(calls(checkout, rf'--force-reinstall \S+/wheels/{names[1]}')) == 1
    # Neither is another environment made, nor is it done twice, nor undone on the login node.
    assert calls(checkout, '-m venv') == []
    (checkout.parent / 'log').unlink()
    assert run(checkout, **gpu).returncode == run(checkout).returncode == 0
    assert calls(checkout, '-m pip') == []
    assert len(list((checkout.parent / 'cache').glob('det-*'))) == 1


@pytest.mark.parametrize('release', ['11.8', None])
def test_a_gpu_without_the_toolkit_of_its_torch(checkout, release):
    home = {} if release is None else dict(FAKE_CUDA_HOME=fake_toolkit(checkout, release))
    done = run(checkout, FAKE_DEVICE='cuda', **home)
    assert done.returncode == 1
    assert f'nvcc of CUDA 12 to compile the operators of mmcv for it; found: {release or "no"}' in (
        done.stderr
    )
    assert 'Install the CUDA toolkit 12.8 and name its folder in CUDA_HOME' in done.stderr
    assert 'set CUDA_VISIBLE_DEVICES= (empty)' in done.stderr
    assert calls(checkout, ' wheel ') == []


def test_a_failed_compilation_leaves_nothing(checkout):
    done = run(checkout, FAKE_FAIL='1')
    assert done.returncode == 1
    assert 'error: the compiler gave up' in done.stderr
    assert 'could not be compiled' in done.stderr
    assert 'g++ and python3-dev' in done.stderr
    assert wheels(checkout) == []
    assert [p.name for p in checkout.parent.rglob('.building')] == []
    # What a killed one leaves is in the way of nothing.
    (folder,) = (checkout.parent / 'cache/wheels').iterdir()
    (folder / '.building').mkdir(exist_ok=True)
    (folder / '.building/onedl_mmcv-half.whl').touch()
    done = run(checkout)
    assert done.returncode == 0, done.stderr
    assert wheels(checkout) == ['mmcv-torch-2.10.0-cpu/onedl_mmcv-2.3.6-fake.whl']


def test_no_compiler(checkout):
    done = run(checkout, CXX='no-such-compiler')
    assert done.returncode == 1
    assert 'there is no C++ compiler (no-such-compiler)' in done.stderr
    assert calls(checkout, ' wheel ') == []
    # A wheel that is there needs none.
    folder = checkout.parent / 'cache/wheels/mmcv-torch-2.10.0-cpu'
    (folder / 'onedl_mmcv-2.3.6-cp311.whl').touch()
    assert run(checkout, CXX='no-such-compiler').returncode == 0


def test_pinned_versions_in_place_of_the_others(checkout):
    assert run(checkout).returncode == 0
    pinned = (environment(checkout) / '.bas_mm_pinned.txt').read_text().splitlines()
    lines = [line for line in pinned if line and not line.startswith('#')]
    # A version for each name, or one for each Python.
    names = [re.match(r'[\w.-]+', line)[0].lower() for line in lines]
    for name in set(names):
        own = [line for line in lines if re.match(r'[\w.-]+', line)[0].lower() == name]
        assert len(own) == 1 or all('python_version' in line for line in own), own
    main, det = (
        (checkout / f'requirements/{name}.txt').read_text().splitlines()
        for name in ('pinned', 'det_pinned')
    )
    assert {'torch==2.10.0', 'torchvision==0.25.0'} <= set(lines)
    assert {line for line in det if line and not line.startswith('#')} <= set(lines)
    # And what is not to be had ready-made.
    assert len(calls(checkout, r'-m pip .* -r .*/crf\.txt')) == 1
    kept = [line for line in main if line.startswith(('numpy', 'onedl-', 'opencv', 'pytest'))]
    assert len(kept) > 5
    assert set(kept) <= set(lines)


def test_a_command_runs_in_the_environment(checkout):
    code = 'import sys; print(sys.argv[1]); raise SystemExit(7)'
    done = run(checkout, 'python', '-c', code, 'two words')
    assert (done.returncode, done.stdout) == (7, 'two words\n')
    assert len(calls(checkout, 'two words')) == 1
    # The folder in the checkout, where no cache is named; its wheel lies in the user's cache.
    done = run(checkout, BAS_MM_CACHE='', HOME=str(checkout.parent), XDG_CACHE_HOME='')
    assert done.returncode == 0, done.stderr
    assert (checkout / '.venv-det/.bas_mm_state').exists()
    assert len(list((checkout.parent / '.cache/bas_mm/wheels').rglob('*.whl'))) == 1


@pytest.mark.parametrize(
    ('env', 'runs'),
    [
        ({}, False),
        (dict(CI='true'), True),
        (dict(CI='true', BAS_MM_DET='0'), False),
        (dict(BAS_MM_DET='1'), True),
        (dict(CI='true', BAS_MM_SKIP_SETUP='1'), False),
        (dict(CI='true', FAKE_TESTS='1'), False),
    ],
)
def test_run_tests_runs_them_in_ci(checkout, env, runs):
    done = run(checkout, '-x', script='run_tests.sh', **env)
    assert done.returncode == int(env.get('FAKE_TESTS', 0)), done.stderr
    first, *second = calls(checkout, '-m pytest')
    assert first.startswith('REQUIRE= ')
    assert first.rstrip().endswith('-m pytest -x')
    expected = ['REQUIRE=1 python -m pytest -m det'] if runs else []
    assert [line.rstrip() for line in second] == expected
    # The environment is made before the first tests.
    assert (len(wheels(checkout)) == 1) is (runs or 'FAKE_TESTS' in env)


def test_run_tests_makes_both_environments_at_once(checkout):
    # Each waits until the other one is being made.
    done = run(checkout, script='run_tests.sh', CI='true', FAKE_WAITS_FOR='2')
    assert done.returncode == 0, done.stderr
    assert len(calls(checkout, '-m venv')) == 2


def test_run_tests_leaves_no_process_where_it_is_stopped(checkout):
    process = subprocess.Popen(
        ['bash', str(checkout / 'tools/run_tests.sh')],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=variables(checkout, CI='true', FAKE_PIP_TAKES='300'),
        start_new_session=True,
    )
    try:
        while len(calls(checkout, '-m pip ')) < 2:
            assert process.poll() is None
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal
        # Ends when the last one that holds the pipe does.
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0


def test_run_tests_fails_where_detectors_have_no_environment(checkout):
    done = run(checkout, '-x', script='run_tests.sh', CI='true', FAKE_FAIL='1')
    assert done.returncode == 1
    # The others have run, and the compilation was tried once.
    (tests,) = calls(checkout, '-m pytest')
    assert tests.startswith('REQUIRE= ')
    assert len(calls(checkout, ' wheel ')) == 1
    assert done.stderr.rstrip().endswith('their tests did not run')


def test_a_cache_named_from_another_folder(checkout):
    done = run(checkout, script='run_tests.sh', CI='true', BAS_MM_CACHE='near')
    assert done.returncode == 0, done.stderr
    names = [path.name for path in (checkout.parent / 'near').iterdir()]
    assert len(names) == 3
    assert [name for name in names if name.startswith('det-')] != []
    assert not (checkout / 'near').exists()
