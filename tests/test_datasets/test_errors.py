"""What errors of annotation files say."""

from __future__ import annotations

import pytest

from bas_mm.datasets import AnnotationError


@pytest.mark.parametrize(
    ('unit', 'plural'), [('line', 'lines'), ('entry', 'entries'), ('image', 'images')]
)
def test_others_are_counted_in_the_same_unit(unit, plural):
    said = [
        str(AnnotationError.at_first('a.txt', lines, 'it is bad', 'Correct it', unit))
        for lines in ([3], [3, 5], [3, 5, 6])
    ]
    assert said == [
        f'a.txt, {unit} 3: it is bad. Correct it',
        f'a.txt, {unit} 3: it is bad (1 more {unit} like this). Correct it',
        f'a.txt, {unit} 3: it is bad (2 more {plural} like this). Correct it',
    ]
