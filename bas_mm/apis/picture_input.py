"""What inferencers are given: paths, folders, URLs, arrays and lists of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

import numpy as np

from bas_mm.datasets.picture_names import PICTURE_SUFFIXES, is_picture, split_suffix

from .prediction_folder import PICTURE_KINDS, PREDICTIONS

if TYPE_CHECKING:
    from mmengine.fileio.backends import BaseStorageBackend

__all__ = ['PictureInput', 'list_pictures']

# The content of a file, perhaps: no path, and not several pictures either.
_BYTES = (bytes, bytearray, memoryview)

#: One picture, a folder, or several of them.
Inputs = str | Path | np.ndarray | Iterable


class PictureInput(NamedTuple):
    """One picture that is to be looked at.

    Attributes:
        source (str | np.ndarray): Path or URL; or the picture, (H, W, 3) uint8, BGR.
        image (str | int): What results call it: the path or URL; of an array its position.
        name (str): Relative path for files about it, different from that of all others; without the
            ending of the picture where that is enough: ``a.jpg`` and ``a.png`` keep theirs.
    """

    source: str | np.ndarray
    image: str | int
    name: str


def list_pictures(inputs: Inputs) -> list[PictureInput]:
    """The pictures of what an inferencer was given.

    Args:
        inputs (str | Path | np.ndarray | Iterable): A file; a folder, whose pictures (by the ending
            of their names) are taken from all levels, in alphabetical order, but for the drawings
            and masks beside a ``predictions.json``, which are an inferencer's; a URL that one of
            mmengine's file backends reads; an array (H, W, 3), uint8, BGR as mmcv reads pictures;
            or an iterable of these.

    Returns:
        list[PictureInput]: One for each picture, in the order of the inputs. A file need not exist.

    Raises:
        TypeError: Something is none of these, or they have no order, as in a set or a dict.
        ValueError: There is no picture, an array is no picture, or a URL has an unknown scheme.
    """
    found: list[tuple[str | np.ndarray, str]] = []
    if isinstance(inputs, (Mapping, set, frozenset)):
        raise TypeError(
            f'pictures are given in an order, as a list, got {type(inputs).__name__}: give '
            'list(...) of what you mean'
        )
    # Names and arrays are iterables, too, and files are of their lines.
    one = isinstance(inputs, (str, *_BYTES, np.ndarray)) or hasattr(inputs, 'read')
    several = isinstance(inputs, Iterable) and not one
    for value in inputs if several else [inputs]:
        if isinstance(value, np.ndarray):
            _check_array(value, len(found))
            found.append((value, f'{len(found):06d}'))
        elif isinstance(value, (str, Path)):
            found += _of_path(os.fspath(value))
        else:
            raise TypeError(
                'a picture is a path, a URL or an array (H, W, 3), got '
                f'{type(value).__name__}{_advice(value)}'
            )
    if not found:
        raise ValueError('there is no picture')
    stems = [split_suffix(name)[0] for _, name in found]
    counts, taken = Counter(stems), {}
    pictures = []
    for position, ((source, name), stem) in enumerate(zip(found, stems)):
        name = _unused(stem if counts[stem] == 1 else name, taken)
        pictures.append(PictureInput(source, source if isinstance(source, str) else position, name))
    return pictures


def _advice(value: object) -> str:
    if isinstance(value, _BYTES):
        return (
            ': give cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) of the content '
            'data of a file'
        )
    if hasattr(value, 'read'):
        return (
            ': give its name, or cv2.imdecode(np.frombuffer(file.read(), np.uint8), '
            'cv2.IMREAD_COLOR) of a file that is open for binary reading'
        )
    if type(value).__module__.startswith('PIL.'):
        return ": give np.asarray(im.convert('RGB'))[..., ::-1] of a picture im of Pillow"
    return ''


def _of_path(path: str) -> list[tuple[str, str]]:
    """Path and name of a file, or of the pictures of a folder."""
    if '://' not in path:
        return _of_folder(path, path) if os.path.isdir(path) else [(path, Path(path).name)]
    from mmengine.fileio import get_file_backend

    try:
        backend = get_file_backend(path)
    except (KeyError, ValueError):
        raise ValueError(f'{path}: mmengine has no file backend for such an address') from None
    # Backends of the web know no folders.
    if hasattr(backend, 'isdir') and backend.isdir(path):
        return _of_folder(path, path.rstrip('/'), backend)
    return [(path, PurePosixPath(unquote(urlsplit(path).path)).name or 'picture')]


def _of_folder(
    path: str, root: str, backend: BaseStorageBackend | None = None
) -> list[tuple[str, str]]:
    if backend is None:
        paths = _files_below(root)
    else:
        paths = backend.list_dir_or_file(root, list_dir=False, recursive=True)
    files = sorted(file.replace(os.sep, '/') for file in paths if is_picture(file))
    if not files:
        raise ValueError(f'the folder {path} has no picture ({", ".join(PICTURE_SUFFIXES)})')
    join = os.path.join if backend is None else backend.join_path
    return [(join(root, file), file) for file in files]


def _files_below(
    folder: str, prefix: str = '', above: tuple[tuple[int, int], ...] = ()
) -> Iterator[str]:
    """The files that mmengine's local backend would list, and the links that lead nowhere.

    Those are pictures that cannot be read, not none. Links that lead back up are not followed, and
    what an inferencer has drawn there before is no picture.
    """
    status = os.stat(folder)
    here = status.st_dev, status.st_ino
    if here in above:
        return
    results = PICTURE_KINDS if os.path.exists(os.path.join(folder, PREDICTIONS)) else ()
    for entry in os.scandir(folder):
        name = prefix + entry.name
        if os.path.isdir(entry.path):
            if entry.name not in results:
                yield from _files_below(entry.path, name + os.sep, (*above, here))
        elif not entry.name.startswith('.') and (
            os.path.isfile(entry.path) or not os.path.exists(entry.path)
        ):
            yield name


def _check_array(array: np.ndarray, position: int) -> None:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
        raise ValueError(
            f'picture {position}: an array must be (H, W, 3) uint8, BGR, got {array.shape} '
            f'{array.dtype}'
        )


def _unused(name: str, taken: dict[str, int]) -> str:
    """The name, or where it is taken the first of name-2, name-3 ... that is not.

    Args:
        name: The name.
        taken: Takes the result; of each name the last number that was given to it.
    """
    path, number, result = PurePosixPath(name), taken.get(name, 1), name
    while result in taken:
        number += 1
        result = str(path.with_name(f'{path.stem}-{number}{path.suffix}'))
    taken[name] = number
    taken.setdefault(result, 1)
    return result
