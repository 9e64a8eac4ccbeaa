"""One command at a time in a folder."""

import errno
import os
import shutil
import socket
from contextlib import suppress

import pytest
from held_folder import held

from bas_mm.utils import folder_lock
from bas_mm.utils.folder_lock import FolderInUseError, alone_in

fcntl = pytest.importorskip('fcntl')


def test_who_writes_there_is_said_until_it_has_ended(tmp_path):
    folder = tmp_path / 'new/one'
    with held(folder) as process:
        who = f'process {process.pid} on {socket.gethostname()}'
        said = f'^{folder} is being .*, {who}: wait .* or go'
        with pytest.raises(FolderInUseError, match=said), alone_in(folder, 'go'):
            pytest.fail('two are in it')
        # By another name, and where it was deleted meanwhile.
        (tmp_path / 'link').symlink_to(folder)
        with pytest.raises(FolderInUseError), alone_in(tmp_path / 'link'):
            pytest.fail('two are in it')
    # It was killed, and has left its file; somebody's may be longer.
    assert os.listdir(tmp_path / 'new') == ['.one.bas_mm.lock']
    with open(tmp_path / 'new/.one.bas_mm.lock', 'a') as file:
        file.write('and a third word')
    for _ in range(2):
        with alone_in(folder):
            text = (tmp_path / 'new/.one.bas_mm.lock').read_text()
            assert text == f'{os.getpid()} {socket.gethostname()}\n'
        assert os.listdir(tmp_path / 'new') == []


def test_an_error_frees_the_folder(tmp_path):
    for name, made in (('a/b/c', False), ('d/e', True)):
        with suppress(KeyboardInterrupt), alone_in(tmp_path / name):
            if made:
                (tmp_path / name).mkdir(parents=True)
            raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ['d']
    assert os.listdir(tmp_path / 'd') == ['e']


def test_the_end_of_a_hold_does_not_free_who_began_where_all_was_deleted(tmp_path):
    folder = tmp_path / 'parent/it'
    with alone_in(folder):
        shutil.rmtree(tmp_path / 'parent')
        second = held(folder)
        second.__enter__()
    try:
        with pytest.raises(FolderInUseError), alone_in(folder):
            pytest.fail('two are in it')
    finally:
        second.__exit__(None, None, None)


def test_workers_that_outlive_a_killed_command_do_not_hold_its_folder(tmp_path):
    with held(tmp_path / 'it', with_worker=True) as process:
        process.kill()
        process.join()
        with alone_in(tmp_path / 'it'):
            pass


def test_a_lock_whose_file_its_holder_has_deleted_is_none(tmp_path, monkeypatch):
    path, calls = tmp_path / '.it.bas_mm.lock', []

    def lockf(handle, how):
        calls.append(handle)
        if len(calls) == 1:  # the other one ended after this file was opened
            path.unlink()
            return None
        return fcntl.lockf(handle, how)

    monkeypatch.setattr(folder_lock, 'fcntl', _Fcntl(lockf))
    with alone_in(tmp_path / 'it'):
        assert len(calls) == 2
        assert path.exists()


class _Fcntl:
    LOCK_EX, LOCK_NB = fcntl.LOCK_EX, fcntl.LOCK_NB

    def __init__(self, lockf) -> None:
        self.lockf = lockf


def test_without_locks_nobody_is_refused(tmp_path, monkeypatch):
    file = tmp_path / 'file'
    file.touch()
    with alone_in(file / 'folder'):  # of which the work tells
        pass

    def lockf(*_):
        raise OSError(errno.ENOLCK, 'No locks available')

    for without in (_Fcntl(lockf), None):
        monkeypatch.setattr(folder_lock, 'fcntl', without)
        with alone_in(tmp_path / 'new/folder'):
            pass
        assert os.listdir(tmp_path) == ['file']
    with alone_in('/'):  # beside which there is no place
        pass


def test_who_holds_a_folder_need_not_be_readable(tmp_path, monkeypatch):
    def read(*_):
        raise PermissionError(errno.EACCES, 'Permission denied')

    with held(tmp_path / 'it'):
        monkeypatch.setattr('os.read', read)
        said = '^.*/it is being written by another command: wait '
        with pytest.raises(FolderInUseError, match=said), alone_in(tmp_path / 'it'):
            pytest.fail('two are in it')
