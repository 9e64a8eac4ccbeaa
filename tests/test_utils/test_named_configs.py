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
    assert names['cam_small_embedded'] == repo_dir / 'configs/cam/cam_small_embedded.py'
    assert find_config('cam/cam_small_embedded') == names['cam_small_embedded']


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    (tmp_path / 'bas_resnet50_cub').write_text('')
    monkeypatch.chdir(tmp_path)
    assert find_config('bas_resnet50_cub').resolve() == tmp_path / 'bas_resnet50_cub'


@pytest.mark.parametrize(
    ('wrong', 'similar'),
    [
        ('bas_resnet50_cup', 'bas_resnet50_cub'),
        ('configs/bas/bas_resnet50_cbu.py', 'bas_resnet50_cub'),
    ],
)
def test_unknown_names_list_similar_ones(wrong, similar):
    with pytest.raises(FileNotFoundError, match=f'did you mean .*{similar}'):
        find_config(wrong)
    with pytest.raises(FileNotFoundError, match='neither a file nor one of'):
        find_config('zzz')


def test_of_files_of_one_name_none_has_it(tmp_path, monkeypatch):
    package = tmp_path / 'bas_mm/utils/named_configs.py'
    monkeypatch.setattr('bas_mm.utils.named_configs.__file__', str(package))
    for name in ('_base_/default_runtime', 'cam/small', 'wsss/small'):
        file = tmp_path / f'configs/{name}.py'
        file.parent.mkdir(parents=True)
        file.write_text('')
    assert find_config('wsss/small') == tmp_path / 'configs/wsss/small.py'
    with pytest.raises(FileNotFoundError, match=r'did you mean cam/small or wsss/small\?'):
        find_config('small')


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
