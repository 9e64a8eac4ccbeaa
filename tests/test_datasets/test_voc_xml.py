"""VOC-style XML: what is read, and the file and line of each thing that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from edits import replace_line
from releases import voc_xml

from bas_mm.datasets import AnnotationError
from bas_mm.datasets.voc_xml import boxes_of, read_voc_xml, sizes_of


@pytest.fixture
def xml(tmp_path):
    file = tmp_path / 'a.xml'
    file.write_text(voc_xml('a', 60, 40, [('cat', (1, 2, 30, 40)), ('dog', (5.5, 6, 7, 8))]))
    return file


def test_objects_and_size(xml, tmp_path):
    found = read_voc_xml(str(xml))
    assert (found.width, found.height) == (60, 40)
    assert found.names == ['cat', 'dog']
    assert found.boxes == [(1, 2, 30, 40), (5.5, 6, 7, 8)]
    lines = xml.read_text().splitlines()
    assert [lines[line - 1].strip() for line in found.lines] == ['<bndbox>', '<bndbox>']

    other = tmp_path / 'b.xml'
    other.write_text(voc_xml('b', 10, 20, [('cat', (0, 0, 9, 9))]))
    lists = boxes_of([found, read_voc_xml(str(other))])
    np.testing.assert_array_equal(lists.positions, [0, 0, 1])
    np.testing.assert_array_equal(lists.boxes, [[1, 2, 30, 40], [5.5, 6, 7, 8], [0, 0, 9, 9]])
    assert lists.files == [str(xml), str(xml), str(other)]
    np.testing.assert_array_equal(sizes_of([found]), [[60, 40]])


def test_any_order_comments_entities_and_parts(tmp_path):
    file = tmp_path / 'a.xml'
    file.write_text(
        '<?xml version="1.0" encoding="utf-8"?><annotation><!-- <size> -->\n'
        '<object><bndbox><ymax>4</ymax><xmax> 3 </xmax><ymin>2</ymin><xmin>1</xmin></bndbox>'
        '<name>A&amp;B</name>\n<part><name>head</name><bndbox><xmin>9</xmin></bndbox></part></object>'
        '<size><height>20</height><width>10</width></size></annotation>'
    )
    found = read_voc_xml(str(file))
    assert (found.names, found.boxes, found.lines) == (['A&B'], [(1, 2, 3, 4)], [2])
    assert (found.width, found.height) == (10, 20)
    assert found.difficult == [False]


@pytest.mark.parametrize(
    ('line', 'text', 'reported', 'expected'),
    [
        (8, '<width>0</width>', 8, "the width '0' is no positive whole number"),
        (8, '<width>6.5</width>', 8, "the width '6.5' is no positive whole number"),
        (9, None, 10, "the height '' is no positive whole number"),
        (14, '<name></name>', 14, 'an object has no name'),
        (19, '<xmin>left</xmin>', 19, "xmin 'left' of the object cat is no number"),
        (22, None, 18, "ymax '' of the object cat is no number"),
        (23, '</bndbo>', 23, 'it is no XML (mismatched tag)'),
    ],
)
def test_bad_line(xml, line, text, reported, expected):
    replace_line(xml, line, text)
    with pytest.raises(AnnotationError) as caught:
        read_voc_xml(str(xml))
    assert str(caught.value).startswith(f'{xml}, line {reported}: {expected}')


def test_object_without_box_and_file_without_size(xml):
    lines = xml.read_text().splitlines()
    xml.write_text('\n'.join(lines[:17] + lines[23:]))
    with pytest.raises(AnnotationError, match=r'a\.xml, line 18: the object cat has no box'):
        read_voc_xml(str(xml))
    xml.write_text('\n'.join(lines[:6] + lines[11:]))
    with pytest.raises(AnnotationError, match='it has no <size>'):
        read_voc_xml(str(xml))


def test_file_missing_empty_or_cut_short(xml):
    content = xml.read_bytes()
    xml.write_bytes(content[:300])
    with pytest.raises(AnnotationError, match='it is no XML'):
        read_voc_xml(str(xml))
    xml.write_bytes(b'')
    with pytest.raises(AnnotationError, match='it is no XML'):
        read_voc_xml(str(xml))
    xml.unlink()
    with pytest.raises(AnnotationError, match=r'a\.xml: there is no such file'):
        read_voc_xml(str(xml))
