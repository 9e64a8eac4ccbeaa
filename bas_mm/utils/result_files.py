"""Results on disk: whole or not at all."""

import csv
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np

__all__ = [
    'TEMPORARY_PREFIX',
    'delete_abandoned',
    'place_of_file',
    'whole_file',
    'whole_folder',
    'whole_text',
    'write_array',
    'write_bytes',
    'write_json',
    'write_json_tables',
    'write_picture',
    'write_table',
    'write_text',
]


#: Begins the names of files that are not whole yet. Short: names may have 255 bytes.
TEMPORARY_PREFIX = '.bas_mm-'
# How old such a file is when no process writes it still.
_ABANDONED_SECONDS = 600

# What it is can be asked by changing it only, for all threads: once, before there are any.
_UMASK = os.umask(0o077)
os.umask(_UMASK)


def place_of_file(path: str | Path) -> Path:
    """Where the file of a result is written: a link stays, and what it leads to is another one.

    Args:
        path (str | Path): The file; neither it nor what a link leads to need exist.
    """
    return Path(os.path.realpath(path) if os.path.islink(path) else path)


def delete_abandoned(files: Iterable[Path]) -> None:
    """Delete what killed processes left of :func:`whole_file`.

    Args:
        files (Iterable[Path]): The files of a folder, also others, which stay. So does what is
            young, as another process may be writing it.
    """
    limit = time.time() - _ABANDONED_SECONDS
    for file in files:
        # It may be whole by now, and have another name.
        with suppress(FileNotFoundError):
            if file.name.startswith(TEMPORARY_PREFIX) and os.stat(file).st_mtime < limit:
                file.unlink()


@contextmanager
def whole_file(path: str | Path, through_links: bool = True) -> Iterator[BinaryIO]:
    """Open a file to be written atomically: a reader sees the old file or the whole new one.

    Args:
        path (str | Path): The file. Its folder is made when it is not there.
        through_links (bool): Whether a link stays, see :func:`place_of_file`, or is replaced.
            Defaults to True.

    Raises:
        OSError: It cannot be written; it has the file's name, also where the disk is full.
    """
    place, temporary = place_of_file(path) if through_links else Path(path), None
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        # In the same folder: a rename is atomic within one file system only.
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=TEMPORARY_PREFIX)
        with os.fdopen(handle, 'wb') as file:
            yield file
        # mkstemp makes a private file; give it the mode that open() would have given.
        os.chmod(temporary, 0o666 & ~_UMASK)
        os.replace(temporary, place)
    except BaseException as error:
        if temporary is not None:
            # Where Ctrl-C came after the renaming it is gone.
            with suppress(FileNotFoundError):
                os.unlink(temporary)
        name = str(getattr(error, 'filename', None) or TEMPORARY_PREFIX)
        if isinstance(error, OSError) and error.errno and TEMPORARY_PREFIX in name:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


@contextmanager
def whole_text(path: str | Path) -> Iterator[TextIO]:
    """Open a text file, stored as UTF-8, to be written atomically, for what is long.

    Args:
        path (str | Path): See :func:`whole_file`.
    """
    # Names of files that are no UTF-8 are written as they are.
    options = dict(encoding='utf-8', errors='surrogateescape', newline='')
    with whole_file(path) as file, io.TextIOWrapper(file, **options) as text:
        yield text


@contextmanager
def whole_folder(path: str | Path, prefix: str = TEMPORARY_PREFIX) -> Iterator[str]:
    """Fill a folder that is whole or not there: it gets its name in the end.

    Args:
        path (str | Path): The folder. The one that it is in is made when it is not there.
        prefix (str): Begins the name of the folder beside it that is filled. Defaults to
            :data:`TEMPORARY_PREFIX`.

    Raises:
        OSError: It cannot be made, or there is another one that is not empty.
    """
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = tempfile.mkdtemp(dir=place.parent, prefix=prefix)
    try:
        yield temporary
        # mkdtemp makes a private folder; give it the mode that mkdir would have given.
        os.chmod(temporary, 0o777 & ~_UMASK)
        os.rename(temporary, place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: str | Path, content: bytes, through_links: bool = True) -> None:
    """Write a file atomically; see :func:`whole_file`.

    Args:
        path (str | Path): The file. Its folder is made when it is not there.
        content (bytes): What it shall hold.
        through_links (bool): See :func:`whole_file`. Defaults to True.
    """
    with whole_file(path, through_links) as file:
        file.write(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, stored as UTF-8, atomically; see :func:`write_bytes`."""
    write_bytes(path, text.encode())


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write an array as an .npy file without pickle, atomically; see :func:`write_bytes`."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_bytes(path, content.getvalue())


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture atomically; the suffix says the format.

    Args:
        path (str | Path): The file.
        picture (np.ndarray): (H, W) grey or (H, W, 3) RGB, uint8.

    Raises:
        OSError: It cannot be encoded or written.
    """
    import cv2  # half a second, which commands that write no picture need not wait for

    if picture.ndim == 3:
        picture = picture[..., ::-1]
    # Not cv2.imwrite, which cannot write to every path on every system.
    try:
        done, content = cv2.imencode(Path(path).suffix, np.ascontiguousarray(picture))
    except cv2.error:  # no format has this suffix
        done = False
    if not done:
        raise OSError(f'OpenCV cannot encode {path}')
    write_bytes(path, content.tobytes())


def write_json(path: str | Path, content: Any, indent: int | None = 2) -> None:
    """Write plain Python values as JSON, atomically.

    Args:
        path (str | Path): The file.
        content (Any): Dicts, lists, strings, numbers. NaN and infinity are refused, because
            strict readers refuse them.
        indent (int, optional): Spaces per level; None puts all in one line, for large files.
    """
    write_text(path, json.dumps(content, indent=indent, allow_nan=False) + '\n')


def write_json_tables(
    path: str | Path, figures: Mapping[str, Any], tables: Mapping[str, Iterable[Mapping[str, Any]]]
) -> None:
    """Write figures and tables as :func:`write_json` would, with no more than a row in memory.

    Args:
        path (str | Path): The file.
        figures (Mapping[str, Any]): They come first, by the name ``metrics``.
        tables (Mapping[str, Iterable[Mapping[str, Any]]]): Rows by the name of their table; each
            is read once.
    """

    def dumps(value: Mapping[str, Any], level: int) -> str:
        # Strings of JSON have no line break.
        return json.dumps(value, indent=2, allow_nan=False).replace('\n', '\n' + '  ' * level)

    with whole_text(path) as text:
        text.write(f'{{\n  "metrics": {dumps(figures, 1)}')
        for name, rows in tables.items():
            text.write(f',\n  {json.dumps(name)}: [')
            separator = end = ''
            for row in rows:
                text.write(f'{separator}\n    {dumps(row, 2)}')
                separator, end = ',', '\n  '
            text.write(f'{end}]')
        text.write('\n}\n')


def write_table(path: str | Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV, atomically; numbers with all their digits, no more than a row in memory.

    Args:
        path (str | Path): The file.
        rows (Iterable[Mapping[str, Any]]): One mapping per line, all with the keys of the first,
            which become the head line.
    """
    rows = iter(rows)
    first = list(islice(rows, 1))
    with whole_text(path) as text:
        writer = csv.DictWriter(text, list(first[0]) if first else [], lineterminator='\n')
        writer.writeheader()
        writer.writerows(chain(first, rows))
