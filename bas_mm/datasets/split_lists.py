"""Reading of split folders: text in, arrays out, no registry and no pictures.

The format is the one of Choe et al., *Evaluating Weakly Supervised Object Localization Methods
Right*, CVPR 2020. A folder holds

* ``image_ids.txt``: one id per line, a path below the image root;
* ``class_labels.txt``: ``id,class`` with classes counted from 0;
* ``image_sizes.txt``: ``id,width,height`` (may be absent);
* ``localization.txt``: boxes ``id,x0,y0,x1,y1`` or masks ``id,mask_path,ignore_path``, several
  lines per image allowed.

ImageNet's training split has 1.28 million lines per file, so each function passes once over its
lines.
"""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import NoReturn

import numpy as np

from .box_lists import BoxLists
from .errors import AnnotationError
from .text_lists import read_lines, require_disjoint, require_unique

__all__ = [
    'CLASS_LABELS',
    'IMAGE_IDS',
    'IMAGE_SIZES',
    'LOCALIZATION',
    'MaskLists',
    'check_disjoint',
    'read_class_labels',
    'read_image_ids',
    'read_image_sizes',
    'read_localization',
]

IMAGE_IDS = 'image_ids.txt'
CLASS_LABELS = 'class_labels.txt'
IMAGE_SIZES = 'image_sizes.txt'
LOCALIZATION = 'localization.txt'


@dataclass
class MaskLists:
    """Mask files of a split, by position in ``image_ids.txt``.

    Attributes:
        mask_paths: For each image its instance masks, as listed.
        ignore_paths: For each image its ignore region, as listed; '' where there is none.
        lines: For each image the lines of its masks, counted from 1.
    """

    mask_paths: list[tuple[str, ...]]
    ignore_paths: list[str]
    lines: list[tuple[int, ...]]


def read_image_ids(file: str) -> tuple[list[str], Sequence[int]]:
    """Read ``image_ids.txt``.

    Returns:
        The ids in their order, and their line numbers counted from 1.

    Raises:
        AnnotationError: The file is missing, empty, or lists an id twice.
    """
    ids, numbers = read_lines(file)
    if not ids:
        raise AnnotationError.at(
            file, None, 'the split is empty', 'List one image id per line, or use another split'
        )
    require_unique(ids, numbers, file, 'the image id ')
    return ids, numbers


def read_class_labels(
    file: str, ids: Sequence[str], id_lines: Sequence[int], ids_file: str, num_classes: int
) -> list[int]:
    """Read ``class_labels.txt``.

    Args:
        file: The file of ``id,class`` lines.
        ids: The split's ids.
        id_lines: The line of each id in ``ids_file``.
        ids_file: Where the ids come from, for messages.
        num_classes: Classes must lie in [0, num_classes).

    Returns:
        The class of each id, in the order of ``ids``.

    Raises:
        AnnotationError: A line has another number of fields, a class that is no integer or out
            of range, or an id that is not listed or was labelled before; or an id has no label.
    """
    index = _Index(ids)
    known = {str(label): label for label in range(num_classes)}
    labels = [-1] * len(ids)
    for position, (line, number, expected) in enumerate(_beside(read_lines(file), ids)):
        image_id, comma, field = line.rpartition(',')
        if image_id != expected:
            position = index.table.get(image_id)
            if position is None:
                _raise_unknown(file, number, line, 'id,class', 2, ids_file)
        if labels[position] >= 0:
            _raise_repeated(file, number, image_id)
        label = known.get(field)
        if label is None:
            label = _class(field, file, number, image_id, num_classes)
        labels[position] = label
    missing = [line for line, label in zip(id_lines, labels) if label < 0]
    if missing:
        image_id = ids[labels.index(-1)]
        raise AnnotationError.at_first(
            ids_file,
            missing,
            f'{image_id} has no class label in {file}',
            'Add its line there, or take the id from the list',
        )
    return labels


def read_image_sizes(
    file: str, ids: Sequence[str], id_lines: Sequence[int], ids_file: str
) -> np.ndarray:
    """Read ``image_sizes.txt``.

    Args:
        file: The file of ``id,width,height`` lines.
        ids: The split's ids.
        id_lines: The line of each id in ``ids_file``.
        ids_file: Where the ids come from, for messages.

    Returns:
        (n, 2) int64, width and height in pixels, in the order of ``ids``.

    Raises:
        AnnotationError: A line has another number of fields, a size that is no positive whole
            number, or an id that is not listed or stood there before; or an id has no size.
    """
    index = _Index(ids)
    # The lengths so far: there are few, and most are looked up faster than they are read.
    known: dict[str, int] = {}
    widths, heights = [0] * len(ids), [0] * len(ids)
    for position, (line, number, expected) in enumerate(_beside(read_lines(file), ids)):
        image_id, *fields = line.rsplit(',', 2)
        if image_id != expected or len(fields) != 2:
            position = index.table.get(image_id)
            if position is None or len(fields) != 2:
                _raise_unknown(file, number, line, 'id,width,height', 3, ids_file)
        if widths[position]:
            _raise_repeated(file, number, image_id)
        width, height = known.get(fields[0]), known.get(fields[1])
        if width is None or height is None:
            width, height = (_whole_number(field, file, number, image_id) for field in fields)
            if width < 1 or height < 1:
                raise AnnotationError.at(
                    file,
                    number,
                    f'the size {width}x{height} of {image_id} is not positive',
                    'Write the width and the height of the picture in pixels',
                )
            known[fields[0]], known[fields[1]] = width, height
        widths[position], heights[position] = width, height
    missing = [line for line, width in zip(id_lines, widths) if not width]
    if missing:
        raise AnnotationError.at_first(
            ids_file,
            missing,
            f'{ids[widths.index(0)]} has no size in {file}',
            'Add its line there, or remove that file: sizes are optional',
        )
    return np.array([widths, heights], dtype=np.int64).T


def read_localization(
    file: str, ids: Sequence[str], id_lines: Sequence[int], ids_file: str
) -> BoxLists | MaskLists:
    """Read ``localization.txt``: boxes or masks, as most of its lines say.

    Boxes are only read here; :func:`~.box_lists.check_boxes` judges them.

    Args:
        file: The file of ``id,x0,y0,x1,y1`` or of ``id,mask_path,ignore_path`` lines.
        ids: The split's ids.
        id_lines: The line of each id in ``ids_file``.
        ids_file: Where the ids come from, for messages.

    Raises:
        AnnotationError: A line has another number of fields, a coordinate that is no number, an
            id that is not listed, or an ignore region that does not stand on the first line of
            its image; or a listed id has no line.
    """
    index = _Index(ids).table
    lines, numbers = read_lines(file)
    if _are_masks(lines, index):
        lists: BoxLists | MaskLists = _parse_masks(file, lines, numbers, index, ids_file)
        found = [bool(paths) for paths in lists.mask_paths]
    else:
        lists = _parse_boxes(file, lines, numbers, index, ids_file)
        found = np.bincount(lists.positions, minlength=len(ids)).astype(bool).tolist()
    missing = [line for line, has in zip(id_lines, found) if not has]
    if missing:
        raise AnnotationError.at_first(
            ids_file,
            missing,
            f'{ids[found.index(False)]} has neither box nor mask in {file}',
            'Add its line there, or set with_boxes=False for a split with weak labels only',
        )
    return lists


def check_disjoint(
    split_dir: str, ids: Sequence[str], id_lines: Sequence[int], siblings: Iterable[str] | None
) -> None:
    """Check that no image of a split stands in a neighbouring split as well.

    Args:
        split_dir: The folder of the split.
        ids: The split's ids.
        id_lines: The line of each id in ``split_dir/image_ids.txt``.
        siblings: Names of the folders beside ``split_dir`` to compare with; those that do not
            exist are passed over. None: every folder there that holds an ``image_ids.txt``.

    Raises:
        AnnotationError: Names both files and both lines.
    """
    split_dir = osp.abspath(split_dir)
    parent = osp.dirname(split_dir)
    if siblings is None:
        with os.scandir(parent) as entries:
            siblings = sorted(entry.name for entry in entries if entry.is_dir())
    own_file = osp.join(split_dir, IMAGE_IDS)
    for sibling in siblings:
        folder = osp.join(parent, sibling)
        other_file = osp.join(folder, IMAGE_IDS)
        if not osp.isfile(other_file) or osp.realpath(folder) == osp.realpath(split_dir):
            continue
        require_disjoint(
            (ids, id_lines, own_file),
            (*read_lines(other_file), other_file),
            'Take it from one of them, or set check_disjoint to False or to the names of the '
            'splits that must differ',
        )


class _Index:
    """Where each id stands. Lists in the order of the ids, as most are, do without the table."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids

    @cached_property
    def table(self) -> dict[str, int]:
        return dict(zip(self._ids, range(len(self._ids))))


def _beside(
    lines: tuple[list[str], Sequence[int]], ids: Sequence[str]
) -> Iterable[tuple[str, int, str | None]]:
    """Each line, its number, and the id whose turn it is."""
    return zip(*lines, chain(ids, repeat(None)))


def _are_masks(lines: list[str], index: dict[str, int]) -> bool:
    """Whether a localization file lists masks: one mistyped line, the first too, does not say."""

    def fit(some: list[str], commas: int) -> int:
        parts = (line.rsplit(',', commas) for line in some)
        return sum(len(fields) > commas and fields[0] in index for fields in parts)

    # The usual list of boxes, which may be long, is not counted.
    if fit(lines[:1] + lines[-1:], 4) == 2:
        return False
    masks, boxes = fit(lines, 2), fit(lines, 4)
    if masks != boxes:
        return masks > boxes
    return bool(lines) and lines[0].count(',') == 2


def _parse_boxes(
    file: str,
    lines: Sequence[str],
    numbers: Sequence[int],
    index: dict[str, int],
    ids_file: str,
) -> BoxLists:
    positions: list[int] = []
    corners: list[float] = []
    for line, number in zip(lines, numbers):
        image_id, *fields = line.rsplit(',', 4)
        position = index.get(image_id)
        if position is None or len(fields) != 4:
            _raise_unknown(file, number, line, 'id,x0,y0,x1,y1', 5, ids_file)
        try:
            corners.extend(map(float, fields))
            # Python reads 1_0 as 10.
            if line.find('_', len(image_id)) >= 0:
                raise ValueError
        except ValueError:
            raise AnnotationError.at(
                file,
                number,
                f'the box {",".join(fields)} of {image_id} is not made of numbers',
                'Write id,x0,y0,x1,y1',
            ) from None
        positions.append(position)
    return BoxLists(
        np.array(positions, dtype=np.int64),
        np.array(corners, dtype=np.float64).reshape(-1, 4),
        np.array(numbers, dtype=np.int64),
    )


def _parse_masks(
    file: str,
    lines: Sequence[str],
    numbers: Sequence[int],
    index: dict[str, int],
    ids_file: str,
) -> MaskLists:
    paths: list[list[str]] = [[] for _ in index]
    ignore_paths = [''] * len(index)
    mask_lines: list[list[int]] = [[] for _ in index]
    for line, number in zip(lines, numbers):
        fields = line.rsplit(',', 2)
        position = index.get(fields[0])
        if position is None or len(fields) != 3:
            _raise_unknown(file, number, line, 'id,mask_path,ignore_path', 3, ids_file)
        if not fields[1]:
            raise AnnotationError.at(
                file, number, f'no mask is named for {fields[0]}', 'Write id,mask_path,ignore_path'
            )
        # The ignore region belongs to the image and stands on the first of its lines.
        if not paths[position]:
            ignore_paths[position] = fields[2]
        elif fields[2]:
            raise AnnotationError.at(
                file,
                number,
                f'{fields[2]} is the ignore region of {fields[0]}, but this is not its first line, '
                f'which is line {mask_lines[position][0]}',
                'Name the ignore region there, one for all masks of the picture',
            )
        paths[position].append(fields[1])
        mask_lines[position].append(number)
    return MaskLists(
        [tuple(item) for item in paths], ignore_paths, [tuple(item) for item in mask_lines]
    )


def _raise_unknown(
    file: str, number: int, line: str, form: str, expected: int, ids_file: str
) -> NoReturn:
    """Raise for a line whose id is not listed: because of its form, or because of its id."""
    found = line.count(',') + 1
    if found != expected:
        raise AnnotationError.at(
            file, number, f'{found} fields where {form} was expected: {line!r}', 'Correct the line'
        )
    image_id = line.rsplit(',', expected - 1)[0]
    raise AnnotationError.at(
        file,
        number,
        f'{image_id} is not listed in {ids_file}',
        'Add it there, or take this line out',
    )


def _raise_repeated(file: str, number: int, image_id: str) -> NoReturn:
    first = next(
        earlier for line, earlier in zip(*read_lines(file)) if line.startswith(f'{image_id},')
    )
    raise AnnotationError.at(
        file,
        number,
        f'{image_id} stood there before, in line {first}',
        'Take one of the two lines out',
    )


def _class(field: str, file: str, number: int, image_id: str, num_classes: int) -> int:
    try:
        # Python reads 1_0 as 10.
        label = int('' if '_' in field else field)
    except ValueError:
        raise AnnotationError.at(
            file,
            number,
            f'the class {field!r} of {image_id} is not an integer',
            'Write the class as its index, counted from 0',
        ) from None
    if not 0 <= label < num_classes:
        raise AnnotationError.at(
            file,
            number,
            f'class {label} of {image_id} is out of range for {num_classes} classes '
            f'(0 to {num_classes - 1})',
            'Correct the label, or the classes; they are counted from 0',
        )
    return label


def _whole_number(field: str, file: str, number: int, image_id: str) -> int:
    """Read a size, which may be written as 500.0 too."""
    try:
        value = float(field)
        # What does not fit in an array is no picture's.
        whole = value.is_integer() and '_' not in field and abs(value) < 2**31
    except ValueError:
        whole = False
    if not whole:
        raise AnnotationError.at(
            file,
            number,
            f'the size {field!r} of {image_id} is not a whole number of pixels',
            'Write id,width,height in pixels',
        )
    return int(value)
