"""What is built for others: a source archive, and from it a wheel with what `mim` looks for."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from setuptools import Distribution
from setuptools.errors import ModuleError

from bas_mm.__main__ import main

BUILT_FROM = ('bas_mm', 'configs', 'tools', 'requirements')
FILES = (
    *('setup.py', 'pyproject.toml', 'MANIFEST.in', 'README.md', 'LICENSE', 'CHANGELOG.md'),
    'model-index.yml',
)


@pytest.fixture(scope='module')
def source(repo_dir: Path, tmp_path_factory) -> Path:
    """A copy of what is built from: building leaves files behind."""
    folder = tmp_path_factory.mktemp('source')
    ignore = shutil.ignore_patterns('__pycache__', '.mim')
    for name in BUILT_FROM:
        shutil.copytree(repo_dir / name, folder / name, ignore=ignore)
    for name in FILES:
        shutil.copy2(repo_dir / name, folder / name)
    (folder / 'tests').mkdir()
    (folder / 'tests/test_wheel.py').touch()
    return folder


def _build(folder: Path, kind: str, out: Path) -> Path:
    """Build as pip does, in a process of its own; ``kind`` is 'sdist' or 'wheel'."""
    code = f'from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})'
    done = subprocess.run([sys.executable, '-c', code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory) -> Path:
    """The wheel that is built from the unpacked source archive, unpacked."""
    try:
        Distribution().get_command_class('bdist_wheel')
    except ModuleError:
        pytest.skip('setuptools is older than 70.1 here and the package wheel not installed')
    out = tmp_path_factory.mktemp('built')
    for name in ('sdist', 'wheel', 'unpacked'):
        (out / name).mkdir()
    archive = _build(source, 'sdist', out / 'sdist')
    with tarfile.open(archive) as file:
        file.extractall(out, filter='data')
    # What pip leaves in a checkout, which was then brought to another version.
    left = out / archive.name.removesuffix('.tar.gz') / 'build/lib/bas_mm'
    left.mkdir(parents=True)
    (left / 'of_another_version.py').touch()
    built = _build(out / archive.name.removesuffix('.tar.gz'), 'wheel', out / 'wheel')
    with zipfile.ZipFile(built) as file:
        file.extractall(out / 'unpacked')
    return out / 'unpacked'


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


def test_wheel_has_the_package_and_what_mim_looks_for(wheel, repo_dir, source):
    mim = wheel / 'bas_mm' / '.mim'
    assert {path.name for path in mim.iterdir()} == {'configs', 'tools', 'model-index.yml'}
    for name in ('configs', 'tools'):
        assert _files(mim / name) == _files(repo_dir / name)
    assert (mim / 'configs/bas/metafile.yml').is_file()
    text = (repo_dir / 'model-index.yml').read_text()
    assert (mim / 'model-index.yml').read_text() == text
    # Modules, and files of any other kind that they read.
    package, built = (
        {name for name in _files(folder / 'bas_mm') if not name.startswith('.mim/')}
        for folder in (repo_dir, wheel)
    )
    assert built == package
    assert 'py.typed' in built
    assert not (source / 'bas_mm' / '.mim').exists()


def test_source_archive_has_what_the_wheel_is_built_from(wheel, source):
    (unpacked,) = wheel.parent.glob('bas_mm-*')
    names = {path.name for path in unpacked.iterdir()} - {'build'}
    assert names == {*BUILT_FROM, *FILES, 'PKG-INFO', 'setup.cfg', 'bas_mm.egg-info'}
    for name in BUILT_FROM:
        assert _files(unpacked / name) == _files(source / name)


def test_the_console_has_bas_mm(wheel):
    (built,) = distributions(path=[str(wheel)])
    (script,) = built.entry_points.select(group='console_scripts')
    assert (script.name, script.load()) == ('bas_mm', main)


def test_git_does_not_track_it(repo_dir):
    if shutil.which('git') is None or not (repo_dir / '.git').exists():
        pytest.skip('no git, or no checkout of it')
    done = subprocess.run(
        ['git', 'check-ignore', 'bas_mm/.mim/configs/a.py'], cwd=repo_dir, capture_output=True
    )
    assert done.returncode == 0


def test_an_editable_installation_leaves_the_sources_alone(source, tmp_path):
    """There `mim` reads the checkout, and would find each config twice."""
    _build(source, 'editable', tmp_path)
    assert not (source / 'bas_mm' / '.mim').exists()


@pytest.mark.slow
def test_the_wheels_train_and_test_work(wheel, tmp_path):
    """The commands that `mim train bas_mm` and `mim test bas_mm` put together."""
    mim = wheel / 'bas_mm' / '.mim'
    numbers = [
        f'{loader}_dataloader.dataset.num_{split}={count}'
        for loader in ('train', 'val', 'test')
        for split, count in (('train', 32), ('val', 4), ('test', 4))
    ]
    options = ['--cfg-options', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=9', *numbers]
    config = str(mim / 'configs/bas/bas_small_embedded.py')
    env = {**os.environ, 'PYTHONPATH': str(wheel), 'OMP_NUM_THREADS': '1'}
    for command in (
        ['train.py', config, '--launcher', 'none', '--work-dir', 'work', *options],
        ['test.py', config, 'work/epoch_1.pth', '--launcher', 'none', '--out', 'f.json', *options],
    ):
        done = subprocess.run(
            [sys.executable, str(mim / 'tools' / command[0]), *command[1:]],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert 'localization/gt_known' in (tmp_path / 'f.json').read_text()
