"""Write split folders for pictures that are sorted into a folder per class.

    python tools/dataset_converters/folders_to_split.py photos data/photos/metadata \\
        --boxes boxes.csv

A folder in ``photos`` is a class, and the pictures in it and below it are of that class. Into
``data/photos/metadata`` go the split folders ``train``, ``val`` and ``test``, and ``classes.txt``
with the sorted names of the class folders; see docs/add_dataset.md. The pictures stay where they
are.

``boxes.csv`` has a line ``path,x1,y1,x2,y2`` for each box: its upper left and lower right corner,
in pixels counted from 0. The path is one below ``photos``, or the name of the file alone if no
other picture has it. val and test are then drawn from the pictures that have a box, as figures of
localization need one. Training needs none.

Each class is divided by itself. Which pictures val and test take depends on their paths and the
seed alone. What was written is read again before it takes its place.
"""

from __future__ import annotations

import argparse
import csv
import os
import posixpath
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize

if ((CHECKOUT := Path(__file__).resolve().parents[2]) / 'bas_mm').is_dir():  # whatever is installed
    sys.path.insert(0, str(CHECKOUT))

import numpy as np

from bas_mm.command_line import OneLineParser, fail, fail_on, run_command, warn
from bas_mm.datasets import AnnotationError, UnreadableImageError
from bas_mm.datasets.box_lists import BoxLists, check_bounds, check_boxes, group_rows
from bas_mm.datasets.listed_files import join_paths, require_folder
from bas_mm.datasets.picture_names import PICTURE_SUFFIXES, is_picture
from bas_mm.datasets.picture_size import picture_size_and_orientation
from bas_mm.datasets.split_writer import check_ids, over_files, write_split
from bas_mm.datasets.text_lists import read_lines
from bas_mm.datasets.whole_picture import look_at_picture
from bas_mm.utils.picture_progress import PictureProgress
from bas_mm.utils.result_files import whole_folder, write_text
from bas_mm.utils.worker_processes import usable_cores

CLASSES = 'classes.txt'
FORM = 'path,x1,y1,x2,y2'
# What the first line of a table of boxes may call the corners.
HEADERS = (['x1', 'y1', 'x2', 'y2'], ['x0', 'y0', 'x1', 'y1'], ['xmin', 'ymin', 'xmax', 'ymax'])
_ENDINGS = ', '.join(PICTURE_SUFFIXES)


@dataclass
class ClassFolders:
    """What lies in a folder of class folders; paths are below it, with ``/`` between their parts.

    Attributes:
        root: The folder.
        classes: The names of the folders with pictures, sorted.
        ids: The pictures, class by class, sorted.
        labels: The class of each picture, counted from 0.
        empty: The names of the folders without a picture.
        others: The files in class folders with none of the endings of pictures.
        stray: The pictures that lie in no class folder.
    """

    root: str
    classes: list[str]
    ids: list[str]
    labels: list[int]
    empty: list[str]
    others: list[str]
    stray: list[str]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = OneLineParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('src', help='the folder that has a folder of pictures for each class')
    parser.add_argument('dst', help='the folder of the split folders, which must not be there yet')
    parser.add_argument(
        '--boxes', metavar='CSV', help=f'boxes, {FORM} in a line; default: none, in no split'
    )
    for split in ('val', 'test'):
        parser.add_argument(
            f'--{split}',
            type=float,
            default=0.1,
            help=f"{split}'s share of each class, 0 for no {split}; default: %(default)s",
        )
    parser.add_argument(
        '--seed', type=int, default=0, help='another one draws other pictures; default: %(default)s'
    )
    parser.add_argument(
        '--workers',
        type=int,
        default=min(8, usable_cores()),
        help='processes that read the sizes of pictures; default: %(default)s',
    )
    parser.add_argument(
        '--skip-unreadable', action='store_true', help='leave out pictures that cannot be read'
    )
    return parser.parse_args(argv)


def read_folders(root: str) -> ClassFolders:
    """List the pictures of class folders; what begins with a dot is passed over.

    Raises:
        AnnotationError: There is no folder, or no picture in a folder of it.
        OSError: A folder cannot be read.
    """
    require_folder(root, 'the folder that has a folder of pictures for each class')
    with os.scandir(root) as entries:
        visible = sorted((e.name, e.is_dir()) for e in entries if not e.name.startswith('.'))
    names = [name for name, is_folder in visible if is_folder]
    stray = [name for name, is_folder in visible if not is_folder and is_picture(name)]
    found = ClassFolders(root, [], [], [], [], [], stray)
    for name in names:
        files = [f'{name}/{file}' for file in sorted(_files_below(os.path.join(root, name)))]
        pictures = list(filter(is_picture, files))
        found.others += [file for file in files if not is_picture(file)]
        if not pictures:
            found.empty.append(name)
            continue
        found.ids += pictures
        found.labels += [len(found.classes)] * len(pictures)
        found.classes.append(name)
    if not found.ids:
        raise AnnotationError.at(
            root,
            None,
            f'no folder in it has a picture ({_ENDINGS})',
            'Put the pictures into a folder for each class, and name the folder above these',
        )
    return found


def read_boxes(file: str, found: ClassFolders) -> BoxLists:
    """Read boxes; :mod:`bas_mm.datasets.box_lists` judges them.

    Args:
        file: Lines :data:`FORM`, the first of which may name the columns.
        found: The pictures; the positions are those of its ``ids``.

    Raises:
        AnnotationError: There is no box; or a line has another number of fields, a corner that is
            no number, or a path that is not that of one picture.
    """
    known = _by_path_and_name(found.ids)
    # Some systems store an accent as a sign of its own, and a table may come from another one.
    composed = cache(lambda: _by_path_and_name(map(_composed, found.ids)))
    positions, corners, lines, unknown = [], [], [], []
    for text, line in zip(*read_lines(file)):
        path, *fields = next(csv.reader([text]))
        if line == 1 and [field.strip().lower() for field in fields] in HEADERS:
            continue
        if len(fields) != 4:
            problem = f'{1 + len(fields)} fields where {FORM} was expected: {text!r}'
            raise AnnotationError.at(file, line, problem, 'Correct the line')
        try:
            # Python reads 1_0 as 10.
            box = [float('' if '_' in field else field) for field in fields]
        except ValueError:
            raise AnnotationError.at(
                file,
                line,
                f'the box {",".join(fields)} of {path} is not made of numbers',
                f'Write {FORM}: two corners, not a width and a height',
            ) from None
        path = posixpath.normpath(path.replace('\\', '/'))
        same = known.get(path) or composed().get(_composed(path), [])
        if len(same) > 1:
            first, second = (found.ids[position] for position in same[:2])
            raise AnnotationError.at(
                file,
                line,
                f'{path} is the name of {len(same)} pictures, {first} and {second} among them',
                f'Write the path below {found.root}',
            )
        if not same:
            unknown.append((path, line))
            continue
        positions += same
        corners.append(box)
        lines.append(line)
    if unknown:
        path, others = unknown[0][0], _by_path_and_name(found.others)
        problem = f'{path} is no picture in a class folder of {found.root}'
        advice = f'Write the path below {found.root}, as in {found.ids[0]}, or take the line out'
        if path in others:
            problem = f'{path} has none of the endings of pictures ({_ENDINGS})'
            advice = 'Convert the file to one of these formats, or take the line out'
        like_it = [line for name, line in unknown if (name in others) == (path in others)]
        raise AnnotationError.at_first(file, like_it, problem, advice)
    if not lines:
        raise AnnotationError.at(file, None, 'no box is listed', f'Write lines {FORM}')
    return BoxLists(np.array(positions), np.array(corners, dtype=np.float64), np.array(lines))


def read_heads(
    paths: Sequence[str], workers: int, skip_unreadable: bool
) -> tuple[np.ndarray, set[int], set[int]]:
    """Look at the head of each picture, and whether it is whole.

    Args:
        paths: The pictures.
        workers: How many processes read.
        skip_unreadable: Whether files that are no whole pictures are named and left out.

    Returns:
        (n, 2) int64, width and height, 0 of what cannot be read; the positions of the pictures that
        are noted as turned or mirrored; and of the files that are no whole pictures.

    Raises:
        UnreadableImageError: Some are no whole pictures, and not to be left out.
    """
    with (
        PictureProgress('sizes of pictures', len(paths)) as progress,
        over_files(look_at_picture, paths, workers) as found,
    ):
        heads = []
        for head in found:
            heads.append(head)
            progress.advance()
    sizes = np.array([head[:2] for head in heads], dtype=np.int64)
    unreadable = [p for p, head in enumerate(heads) if head[3]]
    if unreadable:
        reasons = {paths[p]: heads[p][3] for p in unreadable[:5]}
        if not skip_unreadable:
            (first, reason), *others = reasons.items()
            error = str(UnreadableImageError.of(first, reason))
            if others:
                named = _some([f'{path}: {reason}' for path, reason in others])
                error += f', and {len(unreadable) - 1} more ({named})'
            raise UnreadableImageError(
                f'{error}. Repair them or take them away, or leave them out by --skip-unreadable'
            )
        named = _some([f'{path}: {reason}' for path, reason in reasons.items()])
        warn(f'unreadable pictures, left out: {len(unreadable)} ({named})')
    return sizes, {p for p, head in enumerate(heads) if head[2] > 1}, set(unreadable)


def read_turned(paths: Sequence[str], boxed: Sequence[int], workers: int) -> set[int]:
    """Which pictures with boxes are noted as lying on their side.

    What a PNG notes behind its pixels is seen here, which :func:`read_heads` does not see.

    Args:
        paths: The pictures.
        boxed: The positions of those with boxes.
        workers: How many processes read.

    Returns:
        The positions of those that are so noted.
    """
    read = partial(picture_size_and_orientation, decode=True)
    with over_files(read, [paths[p] for p in boxed], workers) as found:
        return {position for position, head in zip(boxed, found) if head[2] >= 5}


def draw_splits(
    found: ClassFolders,
    boxed: Collection[int] | None,
    val: float,
    test: float,
    seed: int,
    left_out: Collection[int] = (),
) -> dict[str, list[int]]:
    """Divide each class into train, val and test.

    A picture's turn depends on its path and the seed alone: pictures that are added later move few
    of the others to another split.

    Args:
        found: The pictures.
        boxed: The positions that val and test may have; None for all.
        val: The share of each class that val gets, in [0, 1); at least one picture of those that
            it may have unless it is 0. Where there are too few, they are shared out with test.
        test: The share of test.
        seed: Of the order in which pictures are taken.
        left_out: The positions of those that are taken for no split.

    Returns:
        Split -> positions, ascending, without the splits whose share is 0.

    Raises:
        AnnotationError: A class has no picture left for training.
    """
    members: list[list[int]] = [[] for _ in found.classes]
    for position, label in enumerate(found.labels):
        if position not in left_out:
            members[label].append(position)
    splits: dict[str, list[int]] = dict(train=[], val=[], test=[])
    for name, own in zip(found.classes, members):
        free = sorted(
            (position for position in own if boxed is None or position in boxed),
            key=lambda position: sha256(f'{seed} {found.ids[position]}'.encode()).digest(),
        )
        in_val, in_test = (max(1, round(share * len(own))) if share else 0 for share in (val, test))
        if in_val + in_test > len(free):
            # The odd one is val's: without it there is no θ to test with.
            in_val = -(-len(free) * in_val // (in_val + in_test))
            in_test = len(free) - in_val
        if in_val + in_test == len(own):
            raise AnnotationError.at(
                os.path.join(found.root, name),
                None,
                f'of {len(own)} pictures val takes {in_val} and test {in_test}, and none is left '
                'to train on',
                'Add pictures, or lower --val or --test; 0 leaves the split out',
            )
        splits['val'] += free[:in_val]
        splits['test'] += free[in_val : in_val + in_test]
        splits['train'] += set(own).difference(free[: in_val + in_test])
    shares = dict(train=1.0, val=val, test=test)
    return {split: sorted(positions) for split, positions in splits.items() if shares[split]}


def check_split(
    folder: str, found: ClassFolders, positions: Sequence[int], boxes: Sequence[np.ndarray] | None
) -> None:
    """Read a written split and compare it with what it was written from."""
    from bas_mm.datasets import SplitFolder

    split = os.path.basename(folder)
    copy = SplitFolder(
        os.path.abspath(folder),
        data_prefix=dict(img_path=os.path.abspath(found.root)),
        classes=os.path.abspath(os.path.join(os.path.dirname(folder), CLASSES)),
        with_boxes=boxes is not None,
    )
    if list(copy.metainfo['classes']) != found.classes or len(copy) != len(positions):
        fail(f'{split}: other classes, or another number of pictures when read back')
    for number, position in enumerate(positions):
        new = copy.get_data_info(number)
        same = (new['image_id'], new['gt_label']) == (found.ids[position], found.labels[position])
        if boxes is not None:
            same &= np.array_equal(boxes[number], new['gt_bboxes'])
        if not same:
            fail(f'{split}: {found.ids[position]} is another one when read back')


def run(args: argparse.Namespace) -> None:
    """Write as told."""
    for name in ('val', 'test'):
        if not 0 <= getattr(args, name) < 1:
            fail(f'--{name} {getattr(args, name):g}: a share from 0 to below 1 was expected')
    if args.val + args.test >= 1:
        fail(f'--val {args.val:g} and --test {args.test:g} leave no picture to train on')
    if os.path.lexists(args.dst):
        fail(f'{args.dst} is there already: take it away, or name another folder')
    found = read_folders(args.src)
    # The name of a folder is in the ids of all pictures in it.
    check_ids(args.src, found.classes)
    check_ids(args.src, found.ids)
    _say_what_is_left_out(found)
    lists = None if args.boxes is None else read_boxes(args.boxes, found)
    paths = join_paths(args.src, found.ids)
    sizes, noted, unreadable = read_heads(paths, args.workers, args.skip_unreadable)
    if lists is not None:
        kept = [position not in unreadable for position in lists.positions.tolist()]
        lists = BoxLists(lists.positions[kept], lists.boxes[kept], lists.lines[kept])
    boxed = None if lists is None else set(lists.positions.tolist())
    splits = draw_splits(found, boxed, args.val, args.test, args.seed, unreadable)
    if boxed is not None:
        _look_at_boxed(found, boxed, splits, args.boxes)

    boxes, turned = None, set()
    if lists is not None:
        # Boxes of a picture on its side may be those of its pixels, or of what viewers show.
        turned = read_turned(paths, sorted(boxed), args.workers)
        on_its_side = np.zeros(len(paths), dtype=bool)
        on_its_side[list(turned)] = True
        check_boxes(args.boxes, found.ids, lists)
        check_bounds(args.boxes, found.ids, lists, sizes, on_its_side=on_its_side)
        boxes = group_rows(lists.positions, lists.boxes, len(found.ids))
    noted |= turned
    # Where val or test has some that are turned, the warning of their boxes, below, is enough.
    if noted and turned.issubset(splits['train']):
        warn(
            f'{len(noted)} pictures are noted as rotated '
            f'({_some([found.ids[p] for p in sorted(noted)])}): training reads them as stored, '
            "`localize` turns them. Set color_type='color' in LoadLocImage of both pipelines; see "
            '"Rotated pictures" in docs/data_preparation.md'
        )

    entries = []
    with whole_folder(args.dst, '.folders_') as temporary:
        write_text(os.path.join(temporary, CLASSES), ''.join(f'{c}\n' for c in found.classes))
        for split, positions in splits.items():
            own = None if boxes is None or split == 'train' else [boxes[p] for p in positions]
            unsure = [] if own is None else sorted(turned.intersection(positions))
            if unsure:
                warn(
                    f'{split}: {len(unsure)} pictures with boxes are noted as lying on their side '
                    f'({_some([found.ids[p] for p in unsure])}), so image_sizes.txt is left out; '
                    'see "Rotated pictures" in docs/data_preparation.md'
                )
            write_split(
                os.path.join(temporary, split),
                [found.ids[p] for p in positions],
                [found.labels[p] for p in positions],
                None if unsure else sizes[positions],
                own,
            )
            check_split(os.path.join(temporary, split), found, positions, own)
            entries.append(_config_entry(args, split, own is not None))
    counts = ', '.join(f'{split} {len(positions)}' for split, positions in splits.items())
    print(f'{args.dst}: {len(found.classes)} classes ({_some(found.classes)}), {counts} pictures')
    print('In a config:', *entries, sep='\n')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    with fail_on(AnnotationError, UnreadableImageError, OSError):
        run(args)


def _say_what_is_left_out(found: ClassFolders) -> None:
    for names, what in (
        (found.empty, 'folders without a picture'),
        (found.others, f'files with none of the endings {_ENDINGS}'),
        (found.stray, 'pictures that lie in no class folder'),
    ):
        if names:
            warn(f'{what}, left out: {len(names)} ({_some(names)})')


def _look_at_boxed(
    found: ClassFolders, boxed: Collection[int], splits: dict[str, list[int]], file: str
) -> None:
    """Refuse an empty split; say which classes it lacks, and how many boxes are not used."""
    for split in [name for name in splits if name != 'train']:
        if not splits[split]:
            raise AnnotationError.at(
                file,
                None,
                f'no picture with a box is left for {split}',
                f'Draw boxes in more pictures, or leave the split out with --{split} 0',
            )
        with_some = {found.labels[position] for position in splits[split]}
        lacking = [name for label, name in enumerate(found.classes) if label not in with_some]
        if lacking:
            warn(f'{split}: classes without a box for it: {len(lacking)} ({_some(lacking)})')
    unused = len(boxed.intersection(splits['train']))
    if unused:
        warn(
            f'train: {unused} of its pictures have boxes, which training does not read; a higher '
            '--val or --test uses them'
        )


def _config_entry(args: argparse.Namespace, split: str, has_boxes: bool) -> str:
    """What a config says to read a written split."""
    weak = '' if has_boxes else ' with_boxes=False,'
    return (
        f"dataset=dict(type='SplitFolder', split_dir={os.path.join(args.dst, split)!r}, "
        f'data_prefix=dict(img_path={args.src!r}), '
        f'classes={os.path.join(args.dst, CLASSES)!r},{weak} ...)'
    )


def _by_path_and_name(ids: Iterable[str]) -> dict[str, list[int]]:
    """Where pictures stand among others: of each path, and of each name of a file alone."""
    found: dict[str, list[int]] = {}
    for position, image_id in enumerate(ids):
        found.setdefault(image_id, []).append(position)
        found.setdefault(posixpath.basename(image_id), []).append(position)
    return found


def _composed(path: str) -> str:
    """A path with each accent and its letter as one sign, where there is one."""
    return normalize('NFC', path)


def _files_below(folder: str) -> Iterator[str]:
    """The files of a folder and of those in it, as paths below it."""
    seen = set()
    for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        # A link may lead back to where it lies.
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in names:
            if not name.startswith('.'):
                yield os.path.relpath(os.path.join(place, name), folder).replace(os.sep, '/')


def _raise(error: OSError) -> None:
    raise error


def _some(names: Sequence[str]) -> str:
    """The first few."""
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')


if __name__ == '__main__':
    run_command(main)
