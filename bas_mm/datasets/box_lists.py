"""Boxes of a whole split: arrays over all its pictures, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from .errors import AnnotationError

__all__ = ['BoxLists', 'check_bounds', 'check_boxes', 'group_rows']


@dataclass
class BoxLists:
    """Boxes of a split, in the order of their lines.

    Attributes:
        positions: (m,) int64, the position in ``image_ids.txt`` of each box's image.
        boxes: (m, 4) float64, x0, y0, x1, y1 in pixels of the original picture.
        lines: (m,) int64, the line of the annotation file, counted from 1.
        files: The file of each box, where there is one file per picture; None for one in all.
        unit: What ``lines`` counts: 'line', or 'entry' in a file that has no lines.
    """

    positions: np.ndarray
    boxes: np.ndarray
    lines: np.ndarray
    files: Sequence[str] | None = None
    unit: str = 'line'


def check_boxes(file: str, ids: Sequence[str], lists: BoxLists) -> None:
    """Judge boxes by themselves: finite, in pixels, corners in order.

    Args:
        file: The file that the boxes come from, for messages.
        ids: The split's ids.
        lists: The boxes.

    Raises:
        AnnotationError: Names the first bad line and counts the others.
    """
    boxes = lists.boxes
    bad = ~np.isfinite(boxes).all(axis=1)
    if bad.any():
        _raise_box(file, ids, lists, bad, 'is not made of finite numbers', 'Correct the line')
    # One box alone may be as small as that.
    if len(boxes) > 1 and boxes.min() >= 0 and boxes.max() <= 1:
        _raise_box(
            file,
            ids,
            lists,
            np.ones(len(boxes), dtype=bool),
            'lies between 0 and 1, as all boxes of its split do',
            'Boxes are in pixels: multiply x by the width of the picture, and y by its height',
        )
    bad = (boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1])
    if bad.any():
        _raise_box(
            file,
            ids,
            lists,
            bad,
            'has x1 < x0 or y1 < y0',
            'A box is x0,y0,x1,y1: the upper left corner, then the lower right one',
        )


def check_bounds(
    file: str,
    ids: Sequence[str],
    lists: BoxLists,
    sizes: np.ndarray | None,
    tolerance: float = 0.0,
    on_its_side: np.ndarray | None = None,
    way_out: str = '',
) -> None:
    """Judge boxes against the sizes of their pictures.

    A corner may equal the width or the height, because some sets write x + w for x1.

    Args:
        file: The file that the boxes come from, for messages.
        ids: The split's ids.
        lists: The boxes.
        sizes: (n, 2) width and height of each picture, 0, 0 where unknown; None where no size is
            known. Then only negative corners count as outside.
        tolerance: How many pixels beyond the width or the height are still accepted.
        on_its_side: (n,) bool, pictures whose boxes may be those of the picture turned by a
            quarter as well, of which width and height change places; None for no picture.
        way_out: What can be done where a box is not to be corrected, for messages.

    Raises:
        AnnotationError: Names the first bad line and counts the others.
    """
    bad = (lists.boxes[:, :2] < 0).any(axis=1)
    if bad.any():
        problem = 'lies outside its picture (x0 or y0 < 0)'
        _raise_box(file, ids, lists, bad, problem, f'Correct the box{way_out}')
    if sizes is None:
        return
    limits = sizes[lists.positions]
    known = (limits > 0).all(axis=1)
    bad = known & (lists.boxes[:, 2:] > limits + tolerance).any(axis=1)
    if on_its_side is not None:
        fits = (lists.boxes[:, 2:] <= limits[:, ::-1] + tolerance).all(axis=1)
        bad &= ~(on_its_side[lists.positions] & fits)
    if bad.any():
        row = np.flatnonzero(bad)[0]
        width, height = limits[row].tolist()
        turned = ''
        if on_its_side is not None and on_its_side[lists.positions[row]]:
            turned = f', and of {height}x{width} if it is turned as its file notes'
        _raise_box(
            file,
            ids,
            lists,
            bad,
            f'lies outside its picture of {width}x{height} pixels{turned}',
            f'Correct the box, or the size{way_out}',
        )


def group_rows(positions: np.ndarray, rows: np.ndarray, count: int) -> list[np.ndarray]:
    """Split rows by image, keeping their order.

    Args:
        positions: (m,) image of each row, in [0, count).
        rows: (m, k) the rows.
        count: Number of images.

    Returns:
        ``count`` arrays (n_i, k).
    """
    order = np.argsort(positions, kind='stable')
    ends = np.cumsum(np.bincount(positions, minlength=count))
    return np.split(rows[order], ends[:-1])


def _raise_box(
    file: str, ids: Sequence[str], lists: BoxLists, bad: np.ndarray, problem: str, advice: str
) -> NoReturn:
    rows = np.flatnonzero(bad)
    box = ','.join(f'{value:g}' for value in lists.boxes[rows[0]])
    raise AnnotationError.at_first(
        file if lists.files is None else lists.files[rows[0]],
        lists.lines[rows],
        f'the box {box} of {ids[lists.positions[rows[0]]]} {problem}',
        advice,
        lists.unit,
    )
