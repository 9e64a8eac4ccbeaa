"""The files of a list: their paths, and whether they are on disk."""

from __future__ import annotations

import errno
import os
import os.path as osp
from collections.abc import Sequence
from typing import TypeVar
from unicodedata import is_normalized, normalize

from .errors import AnnotationError

__all__ = ['check_files_exist', 'join_paths', 'require_folder', 'spread']

T = TypeVar('T')


def require_folder(folder: str, purpose: str) -> None:
    """Raise an :class:`AnnotationError` that names the folder when it is not there."""
    if not osp.isdir(folder):
        raise AnnotationError.at(
            folder, None, f'there is no such folder ({purpose})', 'Correct the path'
        )


def join_paths(folder: str, names: Sequence[str]) -> list[str]:
    """``os.path.join(folder, name)`` of each name, faster where there are a million of them."""
    start = osp.join(folder, '')
    # A name that is a whole path stays as it is.
    return [name if name.startswith('/') else start + name for name in names]


def spread(items: Sequence[T], count: int = 32) -> Sequence[T]:
    """At most ``count`` of the items, evenly spread: those whose files are looked at beforehand."""
    return items[:: max(-(-len(items) // count), 1)]


def check_files_exist(
    ids: Sequence[str],
    id_lines: Sequence[int],
    ids_file: str,
    image_root: str,
    kind: str = 'picture',
    unit: str = 'line',
) -> None:
    """Check that every listed picture is on disk, listing each directory once.

    The names of a directory are in memory from its first picture in the list to its last.

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
    last_of_folder = {image_id.rpartition('/')[0]: i for i, image_id in enumerate(ids)}
    names_by_folder: dict[str, set[str]] = {}
    missing: list[int] = []
    for position, image_id in enumerate(ids):
        folder, _, name = image_id.rpartition('/')
        names = names_by_folder.get(folder)
        if names is None:
            names = names_by_folder[folder] = _names_in(osp.join(image_root, folder))
        if name not in names:
            missing.append(position)
        if position == last_of_folder[folder]:
            del names_by_folder[folder]
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


def _names_in(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except ValueError:  # a zero byte, as in a list of another encoding
        return set()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return set()
        raise


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
