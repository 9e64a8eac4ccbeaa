"""Files are whole or not there."""

import json
import os
import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch

from bas_mm.evaluation.predictions_dump import PredictionsDump
from bas_mm.evaluation.score_files import write_scores
from bas_mm.utils.result_files import (
    whole_file,
    whole_folder,
    write_array,
    write_json,
    write_json_tables,
    write_picture,
    write_table,
)


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'figures.json'
    write_json(path, {'a': 0.1})
    monkeypatch.setattr('os.replace', lambda *_: (_ for _ in ()).throw(OSError('disk full')))
    with pytest.raises(OSError, match='disk full'):
        write_json(path, {'a': 0.2})
    assert json.loads(path.read_text()) == {'a': 0.1}
    assert list(tmp_path.iterdir()) == [path]


def test_an_interruption_after_the_renaming_is_one(tmp_path, monkeypatch):
    path, replace = tmp_path / 'figures.json', os.replace

    def replace_and_stop(*places):
        replace(*places)
        raise KeyboardInterrupt

    monkeypatch.setattr('os.replace', replace_and_stop)
    with pytest.raises(KeyboardInterrupt):
        write_json(path, {'a': 0.1})
    assert json.loads(path.read_text()) == {'a': 0.1}
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_link_leads_to_is_written(tmp_path, monkeypatch):
    target, link = tmp_path / 'results' / 'figures.json', tmp_path / 'link.json'
    (tmp_path / 'further.json').symlink_to('results/figures.json')
    link.symlink_to('further.json')
    for value in (1, 2):  # where it is not there yet, and where it is
        write_json(link, value)
        assert link.is_symlink()
        assert json.loads(target.read_text()) == json.loads(link.read_text()) == value
    assert list(target.parent.iterdir()) == [target]
    # Errors have the name that was given.
    monkeypatch.setattr('os.replace', lambda old, _: os.stat(f'{old}0'))
    with pytest.raises(FileNotFoundError) as error:
        write_json(link, 3)
    assert error.value.filename == str(link)


@pytest.fixture
def small_files():
    """A system that lets no file grow beyond 4 KiB."""
    resource = pytest.importorskip('resource', reason='limits of files are those of POSIX')
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    'write',
    [
        lambda path: write_json(path, list(range(5000))),
        lambda path: write_json_tables(path, {}, {'rows': ({'a': i} for i in range(5000))}),
        lambda path: write_scores(path, [(f'{i}.jpg', np.zeros(100)) for i in range(50)]),
        lambda path: PredictionsDump(str(path)).compute_metrics([np.zeros(5000)]),
    ],
)
def test_what_the_system_does_not_let_grow_is_named(tmp_path, write, small_files):
    path = tmp_path / 'out.pkl'
    with pytest.raises(OSError, match=f'File too large.*{path}'):
        write(path)
    assert list(tmp_path.iterdir()) == []


def test_predictions_take_no_room_for_the_others_of_their_batch(tmp_path):
    batch = torch.rand(8, 5000)
    dump = PredictionsDump(str(tmp_path / 'all.pkl'))
    dump.process({}, [dict(map=row, more=dict(of=[row[:2]])) for row in batch])
    dump.compute_metrics(dump.results)
    assert (tmp_path / 'all.pkl').stat().st_size < 1.2 * batch.numel() * batch.element_size()
    for found, row in zip(pickle.loads((tmp_path / 'all.pkl').read_bytes()), batch, strict=True):
        assert torch.equal(found['map'], row)
        assert torch.equal(found['more']['of'][0], row[:2])


def test_errors_of_other_files_keep_their_names(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match='nothing.txt') as error,
        whole_file(tmp_path / 'a.txt') as file,
    ):
        file.write((tmp_path / 'nothing.txt').read_bytes())
    assert error.value.filename == str(tmp_path / 'nothing.txt')
    assert list(tmp_path.iterdir()) == []


def test_the_longest_name_and_the_usual_mode(tmp_path, monkeypatch):
    """Asking for the mask changes it for all threads: not while files are written."""
    path = tmp_path / ('a' * 250 + '.json')
    (tmp_path / 'open').touch()
    monkeypatch.setattr('os.umask', lambda _: pytest.fail('changed'))
    write_json(path, {})
    assert path.stat().st_mode == (tmp_path / 'open').stat().st_mode


FOLDER = """
from bas_mm.utils.result_files import whole_folder

with whole_folder('new/a') as folder:
    open(f'{folder}/file', 'w').close()
"""


@pytest.mark.parametrize(('umask', 'mode'), [(0o077, 0o700), (0o002, 0o775)])
def test_folders_have_the_usual_mode(tmp_path, repo_dir, umask, mode):
    """Whoever else may use what is beside them."""
    env = {**os.environ, 'PYTHONPATH': str(repo_dir)}
    subprocess.run([sys.executable, '-c', FOLDER], cwd=tmp_path, env=env, umask=umask, check=True)
    assert (tmp_path / 'new/a/file').exists()
    for folder in ('new', 'new/a'):
        assert (tmp_path / folder).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize('error', [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_folder_that_is_not_whole(tmp_path, error):
    def fail():
        with whole_folder(tmp_path / 'new' / 'a', '.mine_') as folder:
            (tmp_path / 'new' / folder / 'file').touch()
            assert [path.name[:6] for path in (tmp_path / 'new').iterdir()] == ['.mine_']
            raise error

    with pytest.raises(error):
        fail()
    assert list((tmp_path / 'new').iterdir()) == []


def test_nan_is_refused(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / 'x.json', {'a': float('nan')})
    with pytest.raises(ValueError):
        write_json_tables(tmp_path / 'x.json', {}, {'rows': [{'a': 1}, {'a': float('nan')}]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'tables',
    [
        {},
        {'none': [], 'é "x"': [{'a': 1}], 'last': [{}]},
        {'rows': [{'id': os.fsdecode(b'caf\xe9.jpg'), 'box': [1 / 3, None]}, {'id': '\n'}]},
    ],
)
@pytest.mark.parametrize('figures', [{}, {'a': 0.1, 'b': 2}])
def test_tables_row_by_row_are_the_same_json(tmp_path, figures, tables):
    write_json(tmp_path / 'whole.json', {'metrics': figures, **tables})
    rows = {name: iter(table) for name, table in tables.items()}
    write_json_tables(tmp_path / 'rows.json', figures, rows)
    assert (tmp_path / 'rows.json').read_text() == (tmp_path / 'whole.json').read_text()


def test_table_keeps_digits_and_quotes(tmp_path):
    write_table(tmp_path / 't.csv', [{'id': 'a,b', 'iou': 1 / 3}, {'id': 'c', 'iou': 1.0}])
    assert (tmp_path / 't.csv').read_text() == f'id,iou\n"a,b",{1 / 3!r}\nc,1.0\n'


def test_a_table_without_rows(tmp_path):
    write_table(tmp_path / 't.csv', iter([]))
    assert (tmp_path / 't.csv').read_text() == '\n'


def test_names_that_are_no_utf_8_stay_as_they_are(tmp_path):
    """An error would come after the whole evaluation."""
    write_table(tmp_path / 't.csv', [{'id': os.fsdecode(b'caf\xe9.jpg'), 'class': 'café'}])
    assert (tmp_path / 't.csv').read_bytes() == b'id,class\ncaf\xe9.jpg,' + 'café\n'.encode()


def test_array_without_pickle(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_array(tmp_path / 'new' / 'a.npy', array)
    np.testing.assert_array_equal(np.load(tmp_path / 'new' / 'a.npy'), array)
    with pytest.raises(ValueError, match='pickle'):
        write_array(tmp_path / 'b.npy', np.array([{}], dtype=object))
    assert not (tmp_path / 'b.npy').exists()


def test_pictures_are_rgb_or_grey(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (5, 4, 3)).astype(np.uint8)
    for name, content in (('a.png', picture), ('b.png', picture[..., 0]), ('c.bmp', picture)):
        write_picture(tmp_path / 'new' / name, content)
        found = cv2.imread(str(tmp_path / 'new' / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(found[..., ::-1] if found.ndim == 3 else found, content)
    for name in ('d.docx', 'e'):
        with pytest.raises(OSError, match=f'OpenCV cannot encode .*{name}'):
            write_picture(tmp_path / name, picture)
