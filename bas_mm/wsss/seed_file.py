"""Seeds of one picture on disk: an .npz file without pickle, whole or not at all."""

from __future__ import annotations

import errno
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bas_mm.utils.result_files import write_bytes

from .functional.seed_sizes import strided_size
from .making_commands import seed_command

try:
    from isal import isal_zlib as inflater  # 1.7 times as fast
except ImportError:
    inflater = zlib

__all__ = ['SeedFile', 'SeedFileError', 'check_maps', 'read_arrays', 'read_seed_classes']

_SUFFIX = '.npy'

# The low bytes of floating-point numbers hardly repeat, and the search for repetitions takes most
# of deflate's time. Runs alone cost a third of it for 1 % more bytes (tools/analysis_tools/
# benchmark_seeds.py measures both), and zeros, of which maps have many, are runs.
_LEVEL, _STRATEGY = 1, zlib.Z_RLE

# A normalised map is at most 1; types of 16 bits round it to within a thousandth.
_MOST_OF_A_MAP = 1.001

_MISSING = FileNotFoundError, NotADirectoryError

# Deflate makes at most 1032 bytes of one.
_MOST_PER_BYTE = 1032


class SeedFileError(ValueError):
    """A seed file is missing, damaged or unreadable, or holds something else than seeds.

    Args:
        message: The whole message. It is the only argument, because an error of a worker process
            is rebuilt from its message alone.
    """

    @classmethod
    def of(cls, path: str | Path, problem: object) -> SeedFileError:
        """Make the error for one file."""
        return cls(
            f'{path} is no seed file: {problem}. If bas_mm wrote it, delete it and make it again '
            f'with {_command(path)}'
        )


@dataclass(eq=False)
class SeedFile:
    """Seeds of one picture.

    Attributes:
        classes (np.ndarray): (K,) int64, ascending: the picture's positive classes, 0 for the
            first foreground class.
        strided (np.ndarray): (K, ceil(h / 4), ceil(w / 4)) float32.
        high_res (np.ndarray): (K, h, w) float32. Both are non-negative, each map divided by its
            maximum + 1e-5.
    """

    classes: np.ndarray
    strided: np.ndarray
    high_res: np.ndarray

    @staticmethod
    def path(folder: str | Path, image_id: str) -> Path:
        """Where the seeds of a picture lie: ``<folder>/<image id>.npz``."""
        return Path(folder, f'{image_id}.npz')

    def check(self) -> None:
        """Raise a ValueError unless classes, shapes, types and values are those of seeds."""
        _check_classes(self.classes)
        for name in ('strided', 'high_res'):
            check_maps(getattr(self, name), self.classes, name)
        wanted = strided_size(*self.high_res.shape[1:])
        if self.strided.shape[1:] != wanted:
            raise ValueError(
                f'strided has the shape {self.strided.shape}, but high_res that of a picture of '
                f'{self.high_res.shape[2]}x{self.high_res.shape[1]} pixels, which asks for '
                f'{(len(self.classes), *wanted)}'
            )

    def save(self, path: str | Path) -> None:
        """Write the file atomically. Equal seeds give equal bytes.

        Raises:
            ValueError: These are no seeds; see :meth:`check`.
        """
        self.check()
        arrays = {name: getattr(self, name) for name in ('classes', 'strided', 'high_res')}
        write_bytes(path, _npz_bytes(arrays))

    @classmethod
    def load(cls, path: str | Path) -> SeedFile:
        """Read a file and check it.

        Raises:
            SeedFileError: It is missing, damaged or no seed file.
        """
        seeds = cls(**read_arrays(path, ('classes', 'strided', 'high_res')))
        try:
            seeds.check()
        except ValueError as error:
            raise SeedFileError.of(path, error) from None
        return seeds

    @classmethod
    def load_normalised(cls, path: str | Path) -> SeedFile:
        """Read a file whose maps are to be added to others.

        Raises:
            SeedFileError: It is missing, damaged or no seed file, or a map exceeds 1.
        """
        seeds = cls.load(path)
        for name in ('strided', 'high_res'):
            greatest = getattr(seeds, name).max()
            if greatest > _MOST_OF_A_MAP:
                raise SeedFileError(
                    f'{path}: {name} reaches {greatest:.4g}, but maps of seeds are in [0, 1]: '
                    'divide each by its maximum'
                )
        return seeds

    @staticmethod
    def load_high_res(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
        """Only ``classes`` and ``high_res`` of a file; of the maps only shape and type are checked.

        Raises:
            SeedFileError: It is missing, damaged or no seed file.
        """
        return _load_maps(path, 'high_res', values=False)

    @staticmethod
    def load_of_picture(
        path: str | Path, name: str, classes: Sequence[int], size: tuple[int, int]
    ) -> np.ndarray:
        """The maps of one kind, which must be those of a certain picture.

        Args:
            path (str | Path): The file.
            name (str): 'strided' or 'high_res'.
            classes (Sequence[int]): The picture's classes, ascending.
            size (tuple[int, int]): Its height and width.

        Returns:
            np.ndarray: (K, h', w') float32, checked.

        Raises:
            SeedFileError: The file is missing, damaged or no seed file, or of another picture or
                other classes.
        """
        found, maps = _load_maps(path, name)
        if found.tolist() != list(classes):
            raise SeedFileError(
                f'{path} has the classes {found.tolist()}, but the picture has {list(classes)}: '
                f'{_again(path)}'
            )
        wanted = tuple(size) if name == 'high_res' else strided_size(*size)
        if maps.shape[1:] != wanted:
            raise SeedFileError(
                f'{path}: {name} has {maps.shape[2]}x{maps.shape[1]} points, but a picture of '
                f'{size[1]}x{size[0]} pixels asks for {wanted[1]}x{wanted[0]}: '
                f'{_again(path)}'
            )
        return maps


def read_arrays(path: str | Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read arrays of an .npz file, quicker than :func:`numpy.load` and without pickle.

    Of the other arrays nothing is read: high_res takes 16 times the bytes of strided.

    Args:
        path (str | Path): The file.
        names (Sequence[str], optional): Which arrays. Defaults to None: all.

    Returns:
        dict[str, np.ndarray]: Read-only arrays, in the order of the file or of ``names``.

    Raises:
        SeedFileError: The file is missing, cut short, damaged, lacks an array, or holds something
            that is no plain array; or it cannot be opened or read, and nothing is known of it.
    """
    try:
        with open(path, 'rb') as file:
            infos = _contents(file)
            missing = [name for name in names or () if name not in infos]
            if missing:
                there = ', '.join(infos) or 'none'
                raise ValueError(f'it has no array {missing[0]!r}, only {there}')
            return {name: _array(file, infos[name]) for name in names or infos}
    except _MISSING:
        raise SeedFileError(
            f'there is no seed file {path}: make it with {_command(path)}'
        ) from None
    except _damage() as error:
        raise _unreadable(path, error) or SeedFileError.of(path, error) from None


def read_seed_classes(path: str | Path) -> np.ndarray | None:
    """Classes of a seed file, or None where it is missing, not whole or no seed file.

    A quick look: the end of the file and its table of contents are read, the maps are not.

    Returns:
        np.ndarray | None: (K,) int64.

    Raises:
        SeedFileError: The file cannot be opened or read: it may be whole.
    """
    try:
        with open(path, 'rb') as file:
            infos = _contents(file)
            if not {'classes', 'strided', 'high_res'} <= infos.keys():
                return None
            return _array(file, infos['classes'])
    except _MISSING:
        return None
    except _damage() as error:
        if unreadable := _unreadable(path, error):
            raise unreadable from None
        return None


def check_maps(maps: np.ndarray, classes: Sized, name: str, values: bool = True) -> None:
    """Raise a ValueError unless the maps are one per class, float32, finite and non-negative.

    Args:
        maps (np.ndarray): (K, h, w).
        classes (Sized): K of them.
        name (str): What they are called, for the message.
        values (bool): Whether the values are looked at. Defaults to True.
    """
    if maps.ndim != 3 or len(maps) != len(classes) or not maps.size:
        raise ValueError(f'{name} has the shape {maps.shape} for {len(classes)} classes')
    if maps.dtype != np.float32:
        raise ValueError(f'{name} has the type {maps.dtype}, not float32')
    if values and not (maps.min() >= 0 and maps.max() < np.inf):  # NaN fails here too
        raise ValueError(f'{name} has values that are negative or not finite')


def _load_maps(path: str | Path, name: str, values: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Classes and one kind of maps."""
    arrays = read_arrays(path, ('classes', name))
    try:
        _check_classes(arrays['classes'])
        check_maps(arrays[name], arrays['classes'], name, values)
    except ValueError as error:
        raise SeedFileError.of(path, error) from None
    return arrays['classes'], arrays[name]


def _check_classes(classes: np.ndarray) -> None:
    if classes.ndim != 1 or not classes.size or classes.dtype != np.int64:
        raise ValueError(f'classes has the shape {classes.shape} and the type {classes.dtype}')
    if classes[0] < 0 or (np.diff(classes) <= 0).any():
        raise ValueError(f'classes are not ascending from 0 on: {classes.tolist()}')


def _again(path: str | Path) -> str:
    return f'delete this file and make it again with {_command(path)}'


def _command(path: str | Path) -> str:
    """What makes a file; an image id may begin with folders below that of the seeds."""
    folders = Path(path).parents
    of_seeds = (folder for folder in folders if (folder / 'seeds.json').is_file())
    return seed_command(next(of_seeds, folders[0]))


def _damage() -> tuple[type[Exception], ...]:
    """What the readers of a damaged file raise; of OSErrors see :func:`_unreadable`."""
    # RuntimeError: zipfile's NotImplementedError, for versions of the format that it does not know.
    own = zipfile.BadZipFile, inflater.error, struct.error
    return ValueError, EOFError, OSError, RuntimeError, *own


def _unreadable(path: str | Path, error: Exception) -> SeedFileError | None:
    """The error for a file that the system does not open or read; None for what it has read."""
    if isinstance(error, IsADirectoryError):
        return SeedFileError(f'{path} is no seed file but a folder')
    # A damaged table of contents leads to places that no file has.
    if not isinstance(error, OSError) or error.errno in (errno.EINVAL, errno.EOVERFLOW):
        return None
    return SeedFileError(f'{path} cannot be read: {error.strerror or error}')


def _contents(file: BinaryIO) -> dict[str, zipfile.ZipInfo]:
    """The table of contents of a zip file, by the arrays' names."""
    # Of the error that reading the end of the file gives zipfile makes a BadZipFile.
    file.seek(max(0, file.seek(0, os.SEEK_END) - 22))
    file.read(22)
    with zipfile.ZipFile(file) as archive:
        return {info.filename.removesuffix(_SUFFIX): info for info in archive.infolist()}


def _array(file: BinaryIO, info: zipfile.ZipInfo) -> np.ndarray:
    """One array of a zip file."""
    size = os.fstat(file.fileno()).st_size
    if info.header_offset + 30 > size:  # too far for a seek, perhaps
        raise ValueError(f'{info.filename} is not where the table of contents says')
    file.seek(info.header_offset)
    header = file.read(30)
    if header[:4] != b'PK\3\4':
        raise ValueError(f'{info.filename} is not where the table of contents says')
    file.seek(sum(struct.unpack_from('<2H', header, 26)), os.SEEK_CUR)
    raw = file.read(min(info.compress_size, size))  # no more memory than there are bytes
    if info.compress_type == zipfile.ZIP_STORED:
        data = raw
    elif info.compress_type == zipfile.ZIP_DEFLATED:
        if info.file_size > _MOST_PER_BYTE * len(raw) + 64:
            raise ValueError(f'{info.filename} has an impossible size')
        data = inflater.decompress(raw, -zlib.MAX_WBITS, info.file_size)
    else:
        raise ValueError(f'{info.filename} is compressed by something else than deflate')
    if len(data) != info.file_size or inflater.crc32(data) != info.CRC:
        raise ValueError(f'{info.filename} is damaged')
    return _parse_npy(data, info.filename)


def _parse_npy(data: bytes, name: str) -> np.ndarray:
    """The array of an .npy file, without a copy."""
    head = io.BytesIO(data[: 1 << 14])
    version = np.lib.format.read_magic(head)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f'{name} has the unknown format version {version}')
    shape, fortran_order, dtype = readers[version](head)
    if dtype.hasobject:
        raise ValueError(f'{name} holds Python objects (pickle), which are not read')
    array = np.frombuffer(data, dtype, offset=head.tell())
    return array.reshape(shape, order='F' if fortran_order else 'C')


def _npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An .npz file as :func:`numpy.load` reads it.

    By hand, because Python's zipfile has no choice of deflate's strategy; and with a constant date,
    so that the bytes tell whether two files hold the same.
    """
    files, directory, offset = [], [], 0
    for key, array in arrays.items():
        name = f'{key}{_SUFFIX}'.encode()
        data = io.BytesIO()
        np.lib.format.write_array(data, np.ascontiguousarray(array), allow_pickle=False)
        data = data.getbuffer()
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, 9, _STRATEGY)
        packed = packer.compress(data) + packer.flush()
        # Version 2.0, no flags, deflate, midnight of 1980-01-01, sizes, no extra field.
        common = struct.pack(
            '<5H3I2H', 20, 0, 8, 0, 0x21, zlib.crc32(data), len(packed), len(data), len(name), 0
        )
        directory += [
            struct.pack('<4sH', b'PK\1\2', 20) + common,
            struct.pack('<3H2I', 0, 0, 0, 0, offset),
            name,
        ]
        files += [b'PK\3\4' + common, name, packed]
        offset += 30 + len(name) + len(packed)
    table = b''.join(directory)
    count = len(arrays)
    end = struct.pack('<4s4H2IH', b'PK\5\6', 0, 0, count, count, len(table), offset, 0)
    return b''.join([*files, table, end])
