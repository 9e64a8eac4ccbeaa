"""Fusing of whole folders on several processes; of the command: test_wsss_tools.py."""

import subprocess
import sys

import pytest
from seed_samples import some_seeds

from bas_mm.wsss import seed_fusion
from bas_mm.wsss.map_folder import MapFolder
from bas_mm.wsss.seed_folder import SeedFolder
from bas_mm.wsss.seed_fusion import fuse_pictures

IDS = [f'{number}' for number in range(20)]


@pytest.fixture
def folders(tmp_path):
    """Seeds of twenty pictures, by two methods."""
    for number, image_id in enumerate(IDS):
        for name, seed in (('seeds', number), ('maps', 100 + number)):
            some_seeds(seed).save(tmp_path / name / f'{image_id}.npz')
    return SeedFolder(tmp_path / 'seeds'), MapFolder(tmp_path / 'maps', ('cat', 'dog', 'cow'))


def _content(folder: SeedFolder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.files()}


def test_worker_processes_fuse_as_this_one(folders, tmp_path, monkeypatch, capsys):
    one, several = SeedFolder(tmp_path / 'one'), SeedFolder(tmp_path / 'several')
    assert fuse_pictures(IDS, *folders, one) == 20
    assert fuse_pictures(IDS[:3], *folders, several) == 3
    monkeypatch.setattr(seed_fusion, 'fuse_with_maps', lambda *_: pytest.fail('in this process'))
    assert fuse_pictures(IDS, *folders, several, num_workers=2) == 17
    assert len(_content(one)) == 20
    assert _content(several) == _content(one)
    assert 'Fusing: 20/20, ' in capsys.readouterr().err


def test_worker_processes_need_no_torch(repo_dir):
    """Its import takes seconds, and memory in each of them."""
    code = 'import sys, bas_mm.wsss.seed_fusion; print("torch" in sys.modules)'
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=repo_dir
    )
    assert done.stdout.strip() == 'False', done.stderr


def test_bad_files_are_named_by_worker_processes_too(folders, tmp_path):
    seeds, maps = folders
    (maps.folder / '18.npz').unlink()
    with pytest.raises(ValueError, match=f'there are no maps of 18: neither {maps.folder}/18.npz'):
        fuse_pictures(IDS, seeds, maps, SeedFolder(tmp_path / 'out'), num_workers=1)
