"""Class scores come back from their file as they were."""

import os

import numpy as np
import pytest

from bas_mm.evaluation.score_files import read_scores, write_scores


def test_scores_come_back_with_all_digits(tmp_path):
    rng = np.random.default_rng(0)
    rows = [('a/b.jpg', rng.random(5)), ('with, comma.jpg', rng.random(5).astype(np.float32))]
    write_scores(tmp_path / 's.csv', rows)
    found = read_scores(tmp_path / 's.csv')
    assert list(found) == [name for name, _ in rows]
    np.testing.assert_array_equal(found['a/b.jpg'], rows[0][1])
    np.testing.assert_array_equal(found['with, comma.jpg'].astype(np.float32), rows[1][1])


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a,1,2\nb,1,x\n', r"s.csv, line 2: 'b,1,x' is not id,score0,score1"),
        ('a,1,2\n\nb,x,2\n', r's.csv, line 3: .* is not id'),
        ('a,1,2\nb,nan,2\n', r's.csv, line 2: a score of b is NaN or infinite'),
        ('a,1,inf\n', r's.csv, line 1: a score of a is NaN or infinite'),
        ('', r's.csv is empty: lines of id,score0,score1,… are needed'),
        ('\n \n', r's.csv is empty'),
        ('a,1,2\nb,1\n', r's.csv, line 2: 1 scores, where the first line has 2'),
        ('a\n', r's.csv, line 1: 0 scores'),
        ('a,1\nb,1\na,1\n', r's.csv, line 3: a stood there before'),
    ],
)
def test_bad_lines_are_named(tmp_path, text, message):
    (tmp_path / 's.csv').write_text(text)
    with pytest.raises(ValueError, match=message):
        read_scores(tmp_path / 's.csv')


def test_a_byte_order_mark_and_blank_lines_are_passed_over(tmp_path):
    (tmp_path / 's.csv').write_text('\n a.jpg,1,-inf\n\nb.jpg,3,4\n\n', encoding='utf-8-sig')
    found = read_scores(tmp_path / 's.csv')
    assert {name: values.tolist() for name, values in found.items()} == {
        ' a.jpg': [1, -np.inf],
        'b.jpg': [3, 4],
    }


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / 's.csv').write_bytes('a.jpg,1,2\n'.encode('utf-16'))
    with pytest.raises(ValueError, match=r's.csv, line 1: .* is not id,score0,score1'):
        read_scores(tmp_path / 's.csv')


def test_names_that_are_no_utf_8_come_back(tmp_path):
    """As Python has them from a folder's list."""
    name = os.fsdecode(b'caf\xe9.jpg')
    write_scores(tmp_path / 's.csv', [(name, np.ones(2))])
    assert (tmp_path / 's.csv').read_bytes() == b'caf\xe9.jpg,1.0,1.0\n'
    assert list(read_scores(tmp_path / 's.csv')) == [name]


def test_no_such_file(tmp_path):
    with pytest.raises(ValueError, match=r's.csv cannot be read'):
        read_scores(tmp_path / 's.csv')
