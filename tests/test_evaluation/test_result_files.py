"""Files are whole or not there."""

import json

import pytest

from bas_mm.evaluation.result_files import write_json, write_table


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'figures.json'
    write_json(path, {'a': 0.1})
    monkeypatch.setattr('os.replace', lambda *_: (_ for _ in ()).throw(OSError('disk full')))
    with pytest.raises(OSError, match='disk full'):
        write_json(path, {'a': 0.2})
    assert json.loads(path.read_text()) == {'a': 0.1}
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_refused(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / 'x.json', {'a': float('nan')})
    assert not list(tmp_path.iterdir())


def test_table_keeps_digits_and_quotes(tmp_path):
    write_table(tmp_path / 't.csv', [{'id': 'a,b', 'iou': 1 / 3}, {'id': 'c', 'iou': 1.0}])
    assert (tmp_path / 't.csv').read_text() == f'id,iou\n"a,b",{1 / 3!r}\nc,1.0\n'
