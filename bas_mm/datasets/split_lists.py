"""Reading of split folders: text in, arrays out, no registry and no pictures.

The format is the one of Choe et al., *Evaluating Weakly Supervised Object Localization Methods
Right*, CVPR 2020. A folder holds

* ``image_ids.txt``: one id per line, a path below the image root;
* ``class_labels.txt``: ``id,class`` with classes counted from 0;
* ``image_sizes.txt``: ``id,width,height`` (may be absent);
* ``localization.txt``: boxes ``id,x0,y0,x1,y1`` or masks ``id,mask_path,ignore_path``, several
  lines per image allowed.

ImageNet's training split has 1.28 million lines per file, so each function passes once over its
lines and touches the disk once per directory, not once per picture.
"""

from __future__ import annotations

import os
import os.path as osp
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import NoReturn
from unicodedata import is_normalized, normalize

import numpy as np

from .errors import AnnotationError, reading

__all__ = [
    'CLASS_LABELS',
    'IMAGE_IDS',
    'IMAGE_SIZES',
    'LOCALIZATION',
    'BoxLists',
    'MaskLists',
    'check_bounds',
    'check_boxes',
    'check_disjoint',
    'check_files_exist',
    'group_rows',
    'join_paths',
    'read_class_labels',
    'read_class_names',
    'read_image_ids',
    'read_image_sizes',
    'read_lines',
    'read_localization',
    'require_disjoint',
    'require_folder',
    'require_unique',
]

IMAGE_IDS = 'image_ids.txt'
CLASS_LABELS = 'class_labels.txt'
IMAGE_SIZES = 'image_sizes.txt'
LOCALIZATION = 'localization.txt'


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


def require_folder(folder: str, purpose: str) -> None:
    """Raise an :class:`AnnotationError` that names the folder when it is not there."""
    if not osp.isdir(folder):
        raise AnnotationError.at(
            folder, None, f'there is no such folder ({purpose})', 'Correct the path'
        )


def require_unique(
    names: Sequence[str],
    numbers: Sequence[int],
    file: str,
    kind: str = '',
    advice: str = 'Take one of the two lines out',
    unit: str = 'line',
) -> None:
    """Raise an :class:`AnnotationError` where a name stands in a list twice; it names both lines.

    Args:
        names: The names.
        numbers: The line of each.
        file: The list, for messages.
        kind: What a name is, before it in the message: 'the class ', say.
        advice: What to do about it.
        unit: What ``numbers`` counts: 'line', or 'entry' in a file that has no lines.
    """
    if len(set(names)) == len(names):
        return
    first: dict[str, int] = {}
    for name, number in zip(names, numbers):
        if name in first:
            problem = f'{kind}{name} was listed before, in {unit} {first[name]}'
            raise AnnotationError.at(file, number, problem, advice, unit=unit)
        first[name] = number


def read_lines(file: str) -> tuple[list[str], Sequence[int]]:
    """Read the lines of a text file that hold something, with their numbers.

    Args:
        file: A UTF-8 text file, a byte order mark allowed, with any line ends.

    Returns:
        The lines without white space at their ends, and as many line numbers counted from 1.

    Raises:
        AnnotationError: The file is missing or is not text.
    """
    advice = 'Correct the path or make the file', 'It must be a readable UTF-8 text file'
    with reading(file, *advice), open(file, encoding='utf-8-sig') as handle:
        text = handle.read()
    # Not str.splitlines: it also splits at characters that a file name may contain.
    lines = [line.strip() for line in text.split('\n')]
    while lines and not lines[-1]:
        lines.pop()
    numbers: Sequence[int] = range(1, len(lines) + 1)
    if not all(lines):
        numbers = [number for number, line in zip(numbers, lines) if line]
        lines = [line for line in lines if line]
    return lines, numbers


def read_class_names(file: str) -> tuple[str, ...]:
    """Read class names, one per line.

    Raises:
        AnnotationError: The file is missing, empty, or names a class twice.
    """
    names, numbers = read_lines(file)
    if not names:
        raise AnnotationError.at(file, None, 'no class is named', 'Write one name per line')
    require_unique(names, numbers, file, 'the class ')
    return tuple(names)


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

    Boxes are only read here; :func:`check_boxes` judges them.

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


def check_boxes(
    file: str,
    ids: Sequence[str],
    lists: BoxLists,
    sizes: np.ndarray | None = None,
    on_its_side: np.ndarray | None = None,
) -> None:
    """Judge boxes: finite, in pixels, corners in order, inside the picture.

    A corner may equal the width or the height, because some sets write x + w for x1.

    Args:
        file: The file that the boxes come from, for messages.
        ids: The split's ids.
        lists: The boxes.
        sizes: (n, 2) width and height of each picture; None when they are not known. Then only
            negative corners count as outside. A picture of unknown size may have 0, 0 here.
        on_its_side: See :func:`check_bounds`.

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
    bad = (boxes[:, :2] < 0).any(axis=1)
    if bad.any():
        _raise_box(
            file, ids, lists, bad, 'lies outside its picture (x0 or y0 < 0)', 'Correct the box'
        )
    if sizes is not None:
        check_bounds(file, ids, lists, sizes, on_its_side=on_its_side)


def check_bounds(
    file: str,
    ids: Sequence[str],
    lists: BoxLists,
    sizes: np.ndarray,
    tolerance: float = 0.0,
    on_its_side: np.ndarray | None = None,
) -> None:
    """Judge the lower right corners of boxes against the sizes of their pictures.

    Args:
        file: The file that the boxes come from, for messages.
        ids: The split's ids.
        lists: The boxes.
        sizes: (n, 2) width and height of each picture; 0, 0 where unknown.
        tolerance: How many pixels beyond the width or the height are still accepted.
        on_its_side: (n,) bool, pictures whose boxes may be those of the picture turned by a
            quarter as well, of which width and height change places; None for no picture.

    Raises:
        AnnotationError: Names the first bad line and counts the others.
    """
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
            'Correct the box, or the size',
        )


def check_files_exist(
    ids: Sequence[str],
    id_lines: Sequence[int],
    ids_file: str,
    image_root: str,
    kind: str = 'picture',
    unit: str = 'line',
) -> None:
    """Check that every listed picture is on disk, listing each directory once.

    Args:
        ids: Paths below ``image_root``.
        id_lines: The line of each id in ``ids_file``.
        ids_file: Where the ids come from, for messages.
        image_root: The folder of the pictures.
        kind: What the files are, for messages: 'picture', or 'mask'.
        unit: What ``id_lines`` counts: 'line', or 'entry' in a file that has no lines.

    Raises:
        AnnotationError: Names the first line without a picture and counts the others.
    """
    require_folder(image_root, f'the root of the {kind}s')
    names_by_folder: dict[str, set[str]] = {}
    missing: list[int] = []
    for position, image_id in enumerate(ids):
        folder, _, name = image_id.rpartition('/')
        names = names_by_folder.get(folder)
        if names is None:
            names = names_by_folder[folder] = _names_in(osp.join(image_root, folder))
        if name not in names:
            missing.append(position)
    if missing:
        first = ids[missing[0]]
        problem = f'there is no {kind} {osp.join(image_root, first)}'
        advice = f'Complete the {kind}s, correct data_root or data_prefix, or take it from the list'
        alike = _name_alike(image_root, first)
        if alike is not None:
            problem = f'the {kind} is called {alike}: {_difference(first, alike)}'
            advice = f'Write the list as the {kind}s are named, or rename these'
        raise AnnotationError.at_first(
            ids_file,
            [id_lines[position] for position in missing],
            f'{first} is listed, but {problem}',
            advice,
            unit,
        )


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


def require_disjoint(
    own: tuple[Sequence[str], Sequence[int], str],
    other: tuple[Sequence[str], Sequence[int], str],
    advice: str,
    unit: str = 'line',
) -> None:
    """Raise an :class:`AnnotationError` where a picture stands in two lists; it names both lines.

    Args:
        own: The names of a list, the line of each, and the list's file.
        other: Those of the other list.
        advice: What to do about it.
        unit: What the lines count: 'line', or 'entry' in a file that has no lines.
    """
    ids, lines, file = own
    other_ids, other_lines, other_file = other
    few, many = sorted((ids, other_ids), key=len)
    shared = set(few).intersection(many)
    if shared:
        position = next(i for i, image_id in enumerate(ids) if image_id in shared)
        other_line = other_lines[other_ids.index(ids[position])]
        raise AnnotationError.at(
            file,
            lines[position],
            f'{ids[position]} is also in another split: {other_file}, {unit} {other_line}',
            advice,
            others=len(shared) - 1,
            unit=unit,
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


def join_paths(folder: str, names: Sequence[str]) -> list[str]:
    """``os.path.join(folder, name)`` of each name, faster where there are a million of them."""
    start = osp.join(folder, '')
    # A name that is a whole path stays as it is.
    return [name if name.startswith('/') else start + name for name in names]


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
        whole = value.is_integer() and '_' not in field
    except ValueError:
        whole = False
    if not whole:
        raise AnnotationError.at(
            file,
            number,
            f'the size {field!r} of {image_id} is not a whole number',
            'Write id,width,height in pixels',
        )
    return int(value)


def _names_in(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def _name_alike(root: str, name: str) -> str | None:
    """The path below a folder that a path differs from in Unicode's form, case or slashes only."""
    found = ''
    for part in name.replace('\\', '/').split('/'):
        names = _names_in(osp.join(root, found))
        if part not in names:
            alike = [other for other in sorted(names) if _plain(other) == _plain(part)]
            if not alike:
                return None
            part = alike[0]
        found = f'{found}/{part}' if found else part
    return found


def _plain(name: str) -> str:
    return normalize('NFC', name).casefold()


def _difference(listed: str, found: str) -> str:
    """What is different about two paths that are alike."""
    listed = listed.replace('\\', '/')
    if listed == found:
        return 'folders are divided by /'
    if normalize('NFC', listed) == normalize('NFC', found):
        # Both look the same where they are printed.
        form = 'NFD' if is_normalized('NFD', found) else 'NFC'
        return (
            'the same letters in another form of Unicode, as Python gives them by '
            f'unicodedata.normalize({form!r}, name)'
        )
    return 'capital letters are told from small ones'
