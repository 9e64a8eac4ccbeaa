"""What all tests share: data that may be asked for, and a folder for what is left behind."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest


def test_shared_data_are_left_out_or_asked_for(request, repo_dir, monkeypatch):
    shared = request.config.pluginmanager.get_plugin(str(repo_dir / 'tests/conftest.py'))._shared
    outcomes = pytest.skip.Exception, pytest.fail.Exception
    for asked, outcome in zip(('0', '1'), outcomes):
        monkeypatch.setenv('BAS_MM_REQUIRE_SHARED', asked)
        with pytest.raises(outcomes, match=r'\.\./shared/no/where') as caught:
            shared('no', 'where')
        assert caught.type is outcome


def test_temporary_files_of_tests_and_commands_are_pytests(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    if len(os.fsencode(folder)) > 70:
        pytest.skip('sockets need a short path')
    tell = [sys.executable, '-c', 'import tempfile; print(tempfile.gettempdir())']
    told = subprocess.run(tell, capture_output=True, text=True, check=True).stdout.strip()
    assert told == tempfile.gettempdir()
    assert Path(told).parent == folder
