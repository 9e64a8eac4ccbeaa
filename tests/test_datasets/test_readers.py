"""The package of the readers, which imports them when one is asked for."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from bas_mm import datasets
from bas_mm.datasets import readers, transforms


def registered_in(folder) -> list[str]:
    """Names of the data sets that modules register."""
    pattern = re.compile(r'@DATASETS\.register_module\(\)\nclass (\w+)')
    return sorted(name for f in folder.rglob('*.py') for name in pattern.findall(f.read_text()))


@pytest.mark.parametrize(('scope', 'prefix'), [('bas_mm', ''), ('mmengine', 'bas_mm.')])
def test_a_stock_runner_finds_every_reader(scope, prefix, repo_dir):
    """In a process of its own, to which nothing but the errors of the package is imported."""
    names = registered_in(repo_dir / 'bas_mm/datasets')
    assert len(names) > 10
    assert {*names} <= {*readers.__all__}
    code = (
        'import sys\n'
        'from bas_mm.datasets import AnnotationError\n'
        'assert "torch" not in sys.modules\n'
        'from mmengine.registry import DATASETS, DefaultScope\n'
        f'DefaultScope.get_instance("run", scope_name={scope!r})\n'
        f'scope = DATASETS.switch_scope_and_registry({scope!r})\n'
        'with scope as found:\n'
        f'    print(*(found.get({prefix!r} + name).__name__ for name in {names}))\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=repo_dir
    )
    assert done.stdout.split('\n')[-2:-1] == [' '.join(names)], done.stderr


def test_names_of_the_package():
    errors = {'AnnotationError', 'UnreadableImageError'}
    assert {*datasets.__all__} == {*readers.__all__, *errors} <= {*dir(datasets)}
    for name in readers.__all__:
        assert getattr(datasets, name) is getattr(readers, name)
    assert {*transforms.__all__} <= {*dir(datasets)}
    for name in transforms.__all__:
        assert getattr(datasets, name) is getattr(transforms, name)
    for name in ('Nothing', 'nothing'):
        with pytest.raises(AttributeError, match=f"'bas_mm.datasets' has no attribute '{name}'"):
            getattr(datasets, name)


def test_modules_of_the_package_are_found_without_importing_them(repo_dir):
    """In a process of its own, to which none of them is imported."""
    code = (
        'import sys\n'
        'import bas_mm.datasets\n'
        'assert "torch" not in sys.modules\n'
        'print(bas_mm.datasets.transforms.__name__, bas_mm.datasets.cub.CUB200.__name__)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=repo_dir
    )
    assert done.stdout.split() == ['bas_mm.datasets.transforms', 'CUB200'], done.stderr
