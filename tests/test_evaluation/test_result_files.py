"""Files are whole or not there."""

import json

import numpy as np
import pytest

from bas_mm.evaluation.result_files import write_array, write_json, write_table


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'figures.json'
    write_json(path, {'a': 0.1})
    monkeypatch.setattr('os.replace', lambda *_: (_ for _ in ()).throw(OSError('disk full')))
    with pytest.raises(OSError, match='disk full'):
        write_json(path, {'a': 0.2})
    assert json.loads(path.read_text()) == {'a': 0.1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_longest_name_and_the_usual_mode(tmp_path, monkeypatch):
    """Asking for the mask changes it for all threads: not while files are written."""
    path = tmp_path / ('a' * 250 + '.json')
    (tmp_path / 'open').touch()
    monkeypatch.setattr('os.umask', lambda _: pytest.fail('changed'))
    write_json(path, {})
    assert path.stat().st_mode == (tmp_path / 'open').stat().st_mode


def test_nan_is_refused(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / 'x.json', {'a': float('nan')})
    assert not list(tmp_path.iterdir())


def test_table_keeps_digits_and_quotes(tmp_path):
    write_table(tmp_path / 't.csv', [{'id': 'a,b', 'iou': 1 / 3}, {'id': 'c', 'iou': 1.0}])
    assert (tmp_path / 't.csv').read_text() == f'id,iou\n"a,b",{1 / 3!r}\nc,1.0\n'


def test_array_without_pickle(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_array(tmp_path / 'new' / 'a.npy', array)
    np.testing.assert_array_equal(np.load(tmp_path / 'new' / 'a.npy'), array)
    with pytest.raises(ValueError, match='pickle'):
        write_array(tmp_path / 'b.npy', np.array([{}], dtype=object))
    assert not (tmp_path / 'b.npy').exists()
