"""The check of a list's files: how often folders are listed, and how long their names are held."""

from __future__ import annotations

import weakref

import pytest

from bas_mm.datasets import AnnotationError, listed_files
from bas_mm.datasets.listed_files import check_files_exist, spread


@pytest.fixture
def root(tmp_path):
    for name in ('a/1', 'a/2', 'b/1', 'b/c/1', 'b/c/2', '1'):
        file = tmp_path / f'{name}.jpg'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


class Names(set):
    """Names that can be watched: no two of these are the same."""

    __hash__, __eq__ = object.__hash__, object.__eq__


@pytest.fixture
def listings(root, monkeypatch):
    """Of each listing its folder, and of how many the names are held at that moment."""
    found, watched = [], weakref.WeakSet()
    names_in = listed_files._names_in

    def watch(folder: str) -> Names:
        found.append((folder.removeprefix(f'{root}/'), len(watched)))
        names = Names(names_in(folder))
        watched.add(names)
        return names

    monkeypatch.setattr(listed_files, '_names_in', watch)
    return found


def check(root, names: list[str]) -> None:
    ids = [f'{name}.jpg' for name in names]
    check_files_exist(ids, range(1, len(ids) + 1), 'ids.txt', str(root))


def test_names_are_held_while_the_list_needs_them(root, listings):
    check(root, ['a/1', 'a/2', 'b/c/1', 'b/c/2', 'b/1', '1'])
    assert listings == [('a', 0), ('b/c', 0), ('b', 0), ('', 0)]


def test_each_folder_is_listed_once_in_any_order(root, listings):
    check(root, ['b/c/2', '1', 'a/1', 'b/1', 'b/c/1', 'a/2'])
    # Of '' there is no other picture to come.
    assert listings == [('b/c', 0), ('', 1), ('a', 1), ('b', 2)]


def test_what_is_missing_in_any_order(root):
    with pytest.raises(AnnotationError) as caught:
        check(root, ['b/c/2', 'a/3', 'b/1', 'd/1', 'b/c/3', '2', 'a/1'])
    message = str(caught.value)
    assert message.startswith('ids.txt, line 2: a/3.jpg is listed, but there is no picture ')
    assert '(3 more lines like this)' in message


@pytest.mark.parametrize('name', ['a\0/1', '\0', 'a' * 300 + '/1', 'a' * 5000])
def test_names_that_no_file_has(root, name):
    with pytest.raises(AnnotationError, match='is listed, but there is no picture'):
        check(root, ['a/1', name])


@pytest.mark.parametrize(
    ('items', 'expected'),
    [('', ''), ('abc', 'abc'), ('abcd', 'abcd'), ('abcde', 'ace'), ('abcdefghij', 'adgj')],
)
def test_a_few_of_a_list_evenly_spread(items, expected):
    assert spread(items, 4) == expected
