"""The documentation builds without a warning, and its pictures are those of the script."""

import importlib.util
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import cv2
import matplotlib as mpl
import numpy as np
import pytest


@pytest.mark.slow
def test_sphinx_builds_all_pages_without_a_warning(repo_dir, tmp_path):
    for package in ('sphinx', 'myst_parser', 'furo', 'sphinx_copybutton'):
        if find_spec(package) is None:
            pytest.skip(f'{package}, of the extra `docs`, is not installed')
    out = tmp_path / 'html'
    # Without a page for each source file, which take as long as all others together.
    listed = re.search(
        r'^extensions = \[(.*?)\]', (repo_dir / 'docs/conf.py').read_text(), re.M | re.S
    )
    extensions = [name for name in re.findall(r"'(.+)'", listed[1]) if 'viewcode' not in name]
    done = subprocess.run(
        [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-b', 'html']
        + ['-D', f'extensions={",".join(extensions)}']
        + ['-d', str(tmp_path / 'doctrees'), 'docs', str(out)],
        cwd=repo_dir,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(repo_dir)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    pages = {path.relative_to(repo_dir / 'docs') for path in (repo_dir / 'docs').rglob('*.md')}
    pages = {page for page in pages if page.parts[0] != '_build'}
    for page in pages:
        assert (out / page).with_suffix('.html').is_file()
    index = (out / 'index.html').read_text()
    for page in pages - {Path('index.md')}:
        if page.parent == Path('.'):
            assert f'href="{page.stem}.html"' in index, f'{page} is in no table of contents'
    # Autodoc has found what the packages offer, and napoleon their sections.
    api = (out / 'api/evaluation.html').read_text()
    assert 'bas_mm.evaluation.functional.protocol_a_ious' in api
    assert 'Parameters' in api
    # Defaults are those of the code, not the values of constants such as PROTOCOL_B_TAUS.
    for page in (out / 'api').glob('*.html'):
        for signature in re.findall(r'<dt class="sig .*?</dt>', page.read_text(), re.DOTALL):
            text = re.sub(r'<[^>]+>', '', signature)
            assert 'array(' not in text, f'{page.name}: {text[:200]}'
            assert len(text) < 1500, f'{page.name}: {text[:200]}'
    assert 'taus=PROTOCOL_B_TAUS' in re.sub(r'<[^>]+>', '', api)
    # Also of packages that import them on first use.
    api = (out / 'api/apis.html').read_text()
    for module in ('bas_mm.apis', 'bas_mm.utils'):
        for name in importlib.import_module(module).__all__:
            if name != 'COLUMNS':  # a constant, which has no docstring
                assert f'id="{module}.{name}"' in api, f'{module}.{name}'


def test_what_packages_offer_stands_in_the_api_pages(repo_dir):
    pages = ''.join(path.read_text() for path in (repo_dir / 'docs/api').glob('*.md'))
    listed = set(re.findall(r'automodule:: (\S+)', pages))
    # What has no names in its package is imported by module.
    by_module = {f'bas_mm.export.{path.stem}' for path in repo_dir.glob('bas_mm/export/[!_]*.py')}
    by_module |= {'bas_mm.evaluation.score_files', 'bas_mm.evaluation.coco_boxes'}
    assert by_module <= listed
    modules = [importlib.import_module(name) for name in listed]
    found = {id(getattr(m, name)) for m in modules for name in getattr(m, '__all__', ())}
    for path in repo_dir.glob('bas_mm/*/**/__init__.py'):
        if path.parent.name in ('command_line', 'input_errors'):  # of this project's commands alone
            continue
        package = importlib.import_module('.'.join(path.parent.relative_to(repo_dir).parts))
        for name in getattr(package, '__all__', ()):
            assert id(getattr(package, name)) in found, f'{package.__name__}.{name}'
    # Sphinx asks for the names by dir(), before anything has used them.
    code = (
        'import importlib, sys\n'
        'for name in sys.argv[1:]:\n'
        '    module = importlib.import_module(name)\n'
        '    print(*(f"{name}.{own}" for own in set(module.__all__) - set(dir(module))))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, 'bas_mm.apis', 'bas_mm.utils'],
        env={**os.environ, 'PYTHONPATH': str(repo_dir)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stdout.split()


@pytest.fixture(scope='module')
def script(repo_dir: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location('make_images', repo_dir / 'docs/make_images.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pictures_of_the_metrics_are_up_to_date_and_small(script, repo_dir):
    images = script.make_images()
    page = (repo_dir / 'docs/metrics.md').read_text()
    assert len(images) == 3
    for name, image in images.items():
        assert f'](images/{name})' in page
        path = repo_dir / 'docs/images' / name
        assert path.stat().st_size < 100_000
        stored = cv2.imread(str(path))[..., ::-1]
        if mpl.__version__.startswith('3.11.'):  # which has drawn them
            assert stored.shape == image.shape
            # JPEG, and fonts that change with versions.
            assert np.abs(stored.astype(int) - image).mean() < 4, name
        # Versions of matplotlib differ in letters and, by a pixel, in margins: cells of 8×8 pixels
        # are compared. Another θ or τ changes 0.5 % of them, another version 0.2 %.
        assert np.abs(np.subtract(stored.shape, image.shape)).max() <= 2, name
        size = stored.shape[1] // 8, stored.shape[0] // 8
        cells = [
            cv2.resize(np.ascontiguousarray(x), size, interpolation=cv2.INTER_AREA).astype(int)
            for x in (stored, image)
        ]
        changed = np.abs(cells[0] - cells[1]).max(axis=-1) > 40
        assert changed.mean() < 0.003, name
