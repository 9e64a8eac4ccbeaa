"""Configs by name."""

import shutil
import subprocess
import sys

import pytest

from bas_mm.apis import config_names, find_config


def test_every_config_has_a_name(repo_dir):
    names = config_names()
    files = {p for p in (repo_dir / 'configs').rglob('*.py') if '_base_' not in p.parts}
    assert set(names.values()) == files
    assert find_config('bas_resnet50_cub') == repo_dir / 'configs/bas/bas_resnet50_cub.py'
    assert find_config('wsss/cam_small_embedded') == repo_dir / 'configs/wsss/cam_small_embedded.py'


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    (tmp_path / 'bas_resnet50_cub').write_text('')
    monkeypatch.chdir(tmp_path)
    assert find_config('bas_resnet50_cub').resolve() == tmp_path / 'bas_resnet50_cub'


@pytest.mark.parametrize(
    ('wrong', 'similar'),
    [
        ('bas_resnet50_cup', 'bas_resnet50_cub'),
        ('configs/bas/bas_resnet50_cbu.py', 'bas_resnet50_cub'),
        ('cam_small_embedded', 'cam/cam_small_embedded or wsss/cam_small_embedded'),
    ],
)
def test_unknown_names_list_similar_ones(wrong, similar):
    with pytest.raises(FileNotFoundError, match=f'did you mean .*{similar}'):
        find_config(wrong)
    with pytest.raises(FileNotFoundError, match='neither a file nor one of'):
        find_config('zzz')


def test_configs_of_an_installed_package(tmp_path, repo_dir):
    """An installation has them inside: where ``mim`` puts them, not beside the package."""
    ignore = shutil.ignore_patterns('__pycache__')
    shutil.copytree(repo_dir / 'bas_mm', tmp_path / 'bas_mm', ignore=ignore)
    shutil.copytree(repo_dir / 'configs', tmp_path / 'bas_mm' / '.mim' / 'configs', ignore=ignore)
    (tmp_path / 'configs').mkdir()  # of somebody else
    code = "from bas_mm.apis import find_config; print(find_config('bas_resnet50_cub'))"
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    expected = tmp_path / 'bas_mm' / '.mim' / 'configs' / 'bas' / 'bas_resnet50_cub.py'
    assert done.stdout.strip() == str(expected), done.stderr
