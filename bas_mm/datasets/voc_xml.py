"""Reading of VOC-style XML: one file per picture, as ImageNet and Stanford Dogs have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

import numpy as np

from .box_lists import BoxLists
from .errors import AnnotationError, reading

__all__ = ['VocAnnotation', 'boxes_of', 'read_voc_xml', 'sizes_of']

_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
_ADVICE = 'Correct the file, or unpack the release anew'


@dataclass
class VocAnnotation:
    """What a file says about its picture.

    Attributes:
        file: The file.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        names: The class name of each object.
        boxes: xmin, ymin, xmax, ymax of each object, as they stand there.
        lines: The line of each object's box, counted from 1.
        difficult: Whether each object is marked as hard to recognise.
    """

    file: str
    width: int = 0
    height: int = 0
    names: list[str] = field(default_factory=list)
    boxes: list[tuple[float, ...]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    difficult: list[bool] = field(default_factory=list)


def read_voc_xml(file: str) -> VocAnnotation:
    """Read one file.

    An event parser rather than a tree: it knows the line of each element, and 50,000 files take
    some seconds in one process.

    Args:
        file: The XML file.

    Raises:
        AnnotationError: The file is missing or no XML; it has no size in positive whole numbers;
            or an object has no name, no box, or a corner that is no number. The boxes are
            only read here: :func:`~bas_mm.datasets.box_lists.check_boxes` judges them.
    """
    advice = 'Unpack the annotations of the release, or take the picture away'
    with reading(file, advice, advice), open(file, 'rb') as handle:
        content = handle.read()
    found = VocAnnotation(file)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    path: list[str] = []
    text: list[str] = []
    # What the element <size> or <object> being read has: tag -> (text, line).
    values: dict[str, tuple[str, int]] = {}
    size_line = 0

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal size_line
        path.append(tag)
        text.clear()
        if len(path) == 2:
            values.clear()
            if tag == 'size':
                size_line = parser.CurrentLineNumber
        elif tag == 'bndbox' and len(path) == 3:
            values['bndbox'] = '', parser.CurrentLineNumber

    def end(tag: str) -> None:
        depth = len(path)
        if depth == 3:
            if tag != 'bndbox':
                values[tag] = ''.join(text).strip(), parser.CurrentLineNumber
        elif depth == 4:
            # Not <part>, which may have a box as well.
            if path[2] == 'bndbox':
                values[tag] = ''.join(text).strip(), parser.CurrentLineNumber
        elif depth == 2:
            line = parser.CurrentLineNumber
            if tag == 'size':
                found.width = _length(values, 'width', file, line)
                found.height = _length(values, 'height', file, line)
            elif tag == 'object':
                _add_object(found, values, line)
        path.pop()
        text.clear()

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise AnnotationError.at(
            file, error.lineno, f'it is no XML ({expat.ErrorString(error.code)})', _ADVICE
        ) from None
    if not size_line:
        raise AnnotationError.at(file, None, 'it has no <size>', _ADVICE)
    return found


def boxes_of(annotations: Sequence[VocAnnotation]) -> BoxLists:
    """The boxes of several files.

    Args:
        annotations: One per picture, in the order of the split.
    """
    counts = [len(annotation.boxes) for annotation in annotations]
    return BoxLists(
        positions=np.repeat(np.arange(len(counts)), counts),
        boxes=np.array(
            [box for annotation in annotations for box in annotation.boxes], dtype=np.float64
        ).reshape(-1, 4),
        lines=np.array([line for annotation in annotations for line in annotation.lines]),
        files=[a.file for a, count in zip(annotations, counts) for _ in range(count)],
    )


def sizes_of(annotations: Sequence[VocAnnotation]) -> np.ndarray:
    """(n, 2) int64, width and height of the pictures of several files."""
    return np.array([(a.width, a.height) for a in annotations], dtype=np.int64).reshape(-1, 2)


def _length(values: dict[str, tuple[str, int]], tag: str, file: str, line: int) -> int:
    text, line = values.get(tag, ('', line))
    try:
        length = int(text)
    except ValueError:
        length = 0
    if length < 1:
        _fail(file, line, f'the {tag} {text!r} is no positive whole number')
    return length


def _add_object(found: VocAnnotation, values: dict[str, tuple[str, int]], line: int) -> None:
    name, name_line = values.get('name', ('', line))
    if not name:
        _fail(found.file, name_line, 'an object has no name')
    if 'bndbox' not in values:
        _fail(found.file, line, f'the object {name} has no box')
    box_line = values['bndbox'][1]
    box = []
    for tag in _CORNERS:
        text, corner_line = values.get(tag, ('', box_line))
        try:
            box.append(float(text))
        except ValueError:
            _fail(found.file, corner_line, f'{tag} {text!r} of the object {name} is no number')
    found.names.append(name)
    found.boxes.append(tuple(box))
    found.lines.append(box_line)
    found.difficult.append(values.get('difficult', ('0', line))[0] == '1')


def _fail(file: str, line: int, problem: str) -> NoReturn:
    raise AnnotationError.at(file, line, problem, _ADVICE)
