"""Which names are those of picture files."""

from __future__ import annotations

import pytest

from bas_mm.datasets.picture_names import PICTURE_SUFFIXES, is_picture, picture_stem, split_suffix


@pytest.mark.parametrize(
    ('name', 'divided', 'stem'),
    [
        ('2007_000032', ('2007_000032', ''), '2007_000032'),
        ('/JPEGImages/2007_000032.jpg', ('/JPEGImages/2007_000032', '.jpg'), '2007_000032'),
        ('a/b.v2', ('a/b.v2', ''), 'b.v2'),
        ('b.v2.PNG', ('b.v2', '.PNG'), 'b.v2'),
        (r'a\b.jpg', (r'a\b', '.jpg'), 'b'),
        # The folder's ending is none of the file's.
        ('a.jpg/b', ('a.jpg/b', ''), 'b'),
        (r'a.jpg\b', (r'a.jpg\b', ''), 'b'),
        # Hidden files: the first dot begins no ending.
        ('.jpg', ('.jpg', ''), '.jpg'),
        ('a/.jpg', ('a/.jpg', ''), '.jpg'),
        (r'a\.JPG', (r'a\.JPG', ''), '.JPG'),
        ('..jpg', ('..jpg', ''), '..jpg'),
        ('a/.b.jpg', ('a/.b', '.jpg'), '.b'),
        # A word is no ending without its dot.
        ('ajpg', ('ajpg', ''), 'ajpg'),
        ('', ('', ''), ''),
    ],
)
def test_names(name, divided, stem):
    assert split_suffix(name) == divided
    assert is_picture(name) == bool(divided[1])
    assert picture_stem(name) == stem


@pytest.mark.parametrize('suffix', PICTURE_SUFFIXES)
def test_endings_in_any_letters(suffix):
    for ending in (suffix, suffix.upper(), suffix.title()):
        assert split_suffix(f'a/b{ending}') == ('a/b', ending)
