"""What errors of annotation files say."""

from __future__ import annotations

import pytest

from bas_mm.datasets import AnnotationError
from bas_mm.datasets.coco_instances import read_instances
from bas_mm.datasets.text_lists import read_lines
from bas_mm.datasets.voc_xml import read_voc_xml


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


@pytest.mark.parametrize(
    ('read', 'if_missing', 'if_unreadable'),
    [
        (
            read_lines,
            'Correct the path or make the file',
            'It must be a readable UTF-8 text file',
        ),
        (read_instances, 'Correct the path', 'Unpack the release anew'),
        (
            read_voc_xml,
            'Unpack the annotations of the release, or take the picture away',
            'Unpack the annotations of the release, or take the picture away',
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path, read, if_missing, if_unreadable):
    said = []
    for file in (tmp_path / 'a', tmp_path):
        with pytest.raises(AnnotationError) as caught:
            read(str(file))
        said.append(str(caught.value))
    reason = f'[Errno 21] Is a directory: {str(tmp_path)!r}'
    assert said == [
        f'{tmp_path / "a"}: there is no such file. {if_missing}',
        f'{tmp_path}: cannot be read ({reason}). {if_unreadable}',
    ]
