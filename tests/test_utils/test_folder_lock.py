"""One command at a time in a folder."""

import errno
import os
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
    # It was killed, and has left its file.
    assert os.listdir(tmp_path / 'new') == ['.one.bas_mm.lock']
    for _ in range(2):
        with alone_in(folder):
            text = (tmp_path / 'new/.one.bas_mm.lock').read_text()
            assert text.split()[0] == str(os.getpid())
        assert os.listdir(tmp_path / 'new') == []


def test_an_error_frees_the_folder(tmp_path):
    for name, made in (('a/b/c', False), ('d/e', True)):
        with suppress(KeyboardInterrupt), alone_in(tmp_path / name):
            if made:
                (tmp_path / name).mkdir(parents=True)
            raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ['d']
    assert os.listdir(tmp_path / 'd') == ['e']


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
        with alone_in(tmp_path):
            pass
