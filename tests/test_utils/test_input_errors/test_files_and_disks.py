"""Files that cannot be written, and folders that are gone."""

import errno
import gzip
import json
import os
import shutil
from pathlib import Path

import pytest
from failing_calls import said_of
from mmengine.config import Config

from bas_mm.utils.result_files import write_text


@pytest.mark.parametrize(
    ('number', 'file', 'expected'),
    [
        (errno.ENOSPC, 'out/a.npy', 'out/a.npy: No space left on device'),
        (errno.EDQUOT, 'out', 'out: Disk quota exceeded'),
        (errno.EROFS, 'out', 'out: Read-only file system'),
        (errno.EACCES, 'out', 'out: Permission denied'),
        (errno.EPERM, 'out', 'out: Operation not permitted'),
        (errno.EFBIG, 'out', 'out: File too large'),
        (errno.EIO, 'out', 'out: Input/output error'),
        (errno.ENAMETOOLONG, 'out', 'out: File name too long'),
        (errno.ENOENT, 'out', None),  # of what, and why, is not known here
        (errno.ENOSPC, None, None),  # of shared memory, say
    ],
)
def test_files_that_cannot_be_written(description, monkeypatch, number, file, expected):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number), *([file] if file else []))

    monkeypatch.setattr('mmengine.runner.runner.save_checkpoint', fail)
    assert description() == expected


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='of Linux')
def test_a_disk_that_fills_up_while_a_file_is_written(tmp_path):
    """Python's errors of writing and closing name no file."""
    expected = '/dev/full: No space left on device'

    def write(text: str, beside: Path, mode: str) -> None:
        with open(beside, mode) as other, open('/dev/full', 'w') as file:
            json.dump(text, file)
        assert other

    beside = tmp_path / 'beside'
    beside.touch()
    assert said_of(write, 'some', beside, 'r') == expected
    assert said_of(write, 'more than a buffer' * 1000, beside, 'r') == expected
    assert said_of(write, 'some', beside, 'w') is None  # which of the two?
    # As mmengine writes a run's config.
    config = tmp_path / 'config.py'
    config.symlink_to('/dev/full')
    assert said_of(Config(dict(a=1)).dump, config) == f'{config}: No space left on device'


def test_a_file_that_is_written_beside_another_kind_of_error(tmp_path):
    def read(number: int, mode: str) -> None:
        with gzip.open(tmp_path / 'in.gz', 'wb') as source, open(tmp_path / 'out', mode) as file:
            raise OSError(number, os.strerror(number))
        assert source, file

    # It may be another file that cannot be read.
    assert said_of(read, errno.EIO, 'w') is None
    # The mode of a gzip file is a number.
    said = f'{tmp_path}/out: No space left on device'
    assert said_of(read, errno.ENOSPC, 'w') == said
    assert said_of(read, errno.ENOSPC, 'r') is None


def test_folders_and_files_in_each_others_place(tmp_path):
    file, folder = tmp_path / 'file', tmp_path / 'folder'
    file.touch()
    folder.mkdir()
    no_folder = f'{file} is no folder'
    assert said_of(os.makedirs, file, exist_ok=True) == no_folder
    assert said_of(file.mkdir, parents=True, exist_ok=True) == no_folder
    assert said_of(os.makedirs, file / 'a/b', exist_ok=True) == f'{file / "a"}: {no_folder}'
    assert said_of(write_text, file / 'a/b', '') == f'{file / "a"}: {no_folder}'
    assert said_of(write_text, file / 'b', '') == no_folder
    assert said_of(list, map(os.listdir, [file])) == no_folder
    said = said_of(write_text, folder, '')
    assert said == f'{folder} is a folder, where a file is to be'
    said = said_of((folder / 'a' / 'b').mkdir)
    assert said == f'{folder}/a/b: the folder cannot be made: No such file or directory'
    # What a program makes twice, or calls wrongly.
    assert said_of(folder.mkdir) is None
    assert said_of(file.open, 'x') is None
    assert said_of(os.open, str(folder), os.O_CREAT | os.O_EXCL) is None

    def fail(number, name):
        raise OSError(number, os.strerror(number), name)

    for number in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        for name in ('nowhere/a', '', None, 3):
            assert said_of(fail, number, name) is None


@pytest.mark.parametrize(
    ('of_what', 'gone'),
    [('epoch_1.pth', '.'), ('epoch_1.pth', '*'), ('*/vis_data/a', '*/vis_data')],
)
def test_a_folder_that_is_deleted_while_the_run_writes_there(
    description, monkeypatch, tmp_path, of_what, gone
):
    work, places = tmp_path / 'work', []

    def fail(*_, **__):
        (log,) = filter(Path.is_dir, work.iterdir())
        places.append(Path(work, gone.replace('*', log.name)))
        shutil.rmtree(places[0])
        raise FileNotFoundError(errno.ENOENT, '', str(work / of_what.replace('*', log.name)))

    monkeypatch.setattr('mmengine.runner.runner.save_checkpoint', fail)
    # mmengine's visualizer of an equal name and second would be that of another test's folder.
    said = description(experiment_name=tmp_path.name)
    assert said.startswith(f'the folder {places[0]} was deleted while the run wrote into it: ')


@pytest.mark.parametrize('name', ['work/boxes/a.json', 'work/*/mine/a.json', 'nowhere/a.json'])
def test_a_file_that_a_run_with_all_its_folders_lacks(description, monkeypatch, tmp_path, name):
    """Such as in a folder of their own that a user's hook has not made."""

    def fail(*_, **__):
        (log,) = filter(Path.is_dir, (tmp_path / 'work').iterdir())
        raise FileNotFoundError(errno.ENOENT, '', str(tmp_path / name.replace('*', log.name)))

    monkeypatch.setattr('mmengine.runner.runner.save_checkpoint', fail)
    assert description(experiment_name=tmp_path.name) is None
