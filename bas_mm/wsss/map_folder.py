"""Folders of maps that any other method made, in three forms."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bas_mm.utils.class_names import class_indices, word_of

from .functional.seed_sizes import strided_size
from .functional.seeds import fuse_maps, normalise_maps, resize_maps
from .seed_file import SeedFile, SeedFileError, check_maps, read_arrays

__all__ = ['MapFolder', 'fuse_with_maps']


class MapFolder:
    """Maps of a set of pictures, one per positive class, for fusing with seeds.

    Each picture is in one of three forms, looked for in this order:

    - ``<image id>.npz`` with ``classes``, ``strided`` and ``high_res``: a seed file;
    - ``<image id>.npz`` with one array (h', w') per class, named by the class, where ``_``
      may stand for a space, or by its index;
    - ``<image id>/<class>.npy`` with one array (h', w') each, named likewise.

    Names go before indices: an entry that is the name of a class is no other's. Index 0 is the
    first foreground class. Further classes are left alone. Maps are finite and non-negative; those
    of seed files are normalised already, at most 1, others need not be. They are resized
    (bilinear) where their size differs.

    Args:
        folder (str | Path): The folder.
        classes (Sequence[str]): Names of the C foreground classes.

    Raises:
        FileNotFoundError: There is no such folder.
    """

    def __init__(self, folder: str | Path, classes: Sequence[str]) -> None:
        self.folder = Path(folder)
        self.classes = tuple(classes)
        self._indices = class_indices(self.classes)
        if not self.folder.is_dir():
            raise FileNotFoundError(f'the folder of maps {folder} does not exist')

    def read(
        self, image_id: str, classes: Sequence[int], size: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Maps of one picture.

        Args:
            image_id (str): The picture.
            classes (Sequence[int]): The K classes that are wanted.
            size (tuple[int, int]): Height and width of the picture.

        Returns:
            tuple[np.ndarray, np.ndarray]: strided (K, ceil(h / 4), ceil(w / 4)) and high_res
            (K, h, w), float32, normalised: each map divided by its maximum + 1e-5, once.

        Raises:
            SeedFileError: There are no maps of the picture or of one of its classes, or a file
                cannot be read, or is a seed file whose maps are not normalised; the message
                names it.
        """
        classes = [int(label) for label in classes]
        sizes = strided_size(*size), tuple(size)
        path, folder = SeedFile.path(self.folder, image_id), self.folder / image_id
        if path.is_file():
            arrays = read_arrays(path)
            if {'classes', 'strided', 'high_res'} <= arrays.keys():
                return self._of_seeds(path, classes, sizes)
            found = [self._pick(arrays, label, path) for label in classes]
            return self._resized([(path, array) for array in found], sizes)
        if folder.is_dir():
            files = {file.stem: file for file in folder.glob('*.npy')}
            paths = [self._pick(files, label, folder) for label in classes]
            return self._resized([(file, _load_npy(file)) for file in paths], sizes)
        raise SeedFileError(f'there are no maps of {image_id}: neither {path} nor {folder}/')

    def changed(self, image_id: str, classes: Sequence[int]) -> int:
        """When the youngest of the files that :meth:`read` takes was written.

        Args:
            image_id (str): The picture.
            classes (Sequence[int]): The classes that are wanted.

        Returns:
            int: Nanoseconds since the epoch; 0 where there is none.
        """
        seeds, folder = SeedFile.path(self.folder, image_id), self.folder / image_id
        if written := _written(seeds):
            return written
        entries = [(_written(folder / f'{key}.npy') for key in self._keys(k)) for k in classes]
        return max((next(filter(None, own), 0) for own in entries), default=0)

    def _of_seeds(self, path: Path, classes: list[int], sizes: tuple) -> tuple:
        seeds = SeedFile.load_normalised(path)
        rows = {int(label): row for row, label in enumerate(seeds.classes)}
        for label in classes:
            if label not in rows:
                raise self._no_map(path, label)
        picked = [rows[label] for label in classes]
        found = [maps[picked] for maps in (seeds.strided, seeds.high_res)]
        return tuple(
            maps if maps.shape[1:] == size else normalise_maps(_resize(maps, size))
            for maps, size in zip(found, sizes)
        )

    def _pick(self, entries: Mapping, label: int, where: Path) -> Any:
        """The entry of a class, by its name or its index."""
        for key in self._keys(label):
            if key in entries:
                return entries[key]
        raise self._no_map(where, label)

    def _keys(self, label: int) -> list[str]:
        """What the entry of a class may be called, in this order."""
        name = self.classes[label]
        keys = (name, word_of(name), str(label))
        return [key for key in keys if self._indices.get(key, label) == label]

    def _no_map(self, where: Path, label: int) -> SeedFileError:
        name = self.classes[label]
        return SeedFileError(f'{where} has no map of the class {name} (index {label})')

    @staticmethod
    def _resized(found: list[tuple[Path, np.ndarray]], sizes: tuple) -> tuple:
        maps = []
        for path, array in found:
            try:
                if array.ndim != 2 or array.dtype.kind not in 'fiu':
                    raise ValueError(f'a map is (h, w), got {array.shape} of {array.dtype}')
                maps.append(array[None].astype(np.float32))
                check_maps(maps[-1], [0], 'a map')
            except ValueError as error:
                raise SeedFileError(f'{path}: {error}') from None
        return tuple(
            normalise_maps(np.concatenate([_resize(one, size) for one in maps])) for size in sizes
        )


def fuse_with_maps(seeds: SeedFile, maps: MapFolder, image_id: str) -> SeedFile:
    """Fuse the seeds of a picture with the maps of another method.

    Args:
        seeds (SeedFile): Seeds.
        maps (MapFolder): Maps of the same classes at least.
        image_id (str): The picture.

    Returns:
        SeedFile: Of the classes of ``seeds``.

    Raises:
        SeedFileError: See :meth:`MapFolder.read`.
    """
    strided, high_res = maps.read(image_id, seeds.classes.tolist(), seeds.high_res.shape[1:])
    return SeedFile(
        seeds.classes, fuse_maps(seeds.strided, strided), fuse_maps(seeds.high_res, high_res)
    )


def _resize(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if maps.shape[1:] == size:
        return maps
    import torch

    # A copy: torch warns of arrays that it may not write to.
    return resize_maps(torch.from_numpy(np.array(maps)), size).numpy()


def _written(path: Path) -> int:
    """When a file was last written, in nanoseconds; 0 where there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def _load_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SeedFileError(f'{path} cannot be read: {error}') from None
