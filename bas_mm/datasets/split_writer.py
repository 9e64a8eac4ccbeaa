"""Writing of split folders: the other direction of :mod:`bas_mm.datasets.split_lists`."""

from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import Pool
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bas_mm.utils.result_files import write_picture, write_text
from bas_mm.utils.worker_processes import begin_worker

from .errors import AnnotationError, UnreadableImageError
from .mask_file import read_object_mask
from .picture_size import picture_size
from .split_lists import CLASS_LABELS, IMAGE_IDS, IMAGE_SIZES, LOCALIZATION

__all__ = [
    'check_ids',
    'clip_boxes',
    'over_files',
    'read_picture_sizes',
    'write_binary_masks',
    'write_split',
]

# Below this many files a pool of processes costs more than it saves.
_FEW = 2000


def read_picture_sizes(
    infos: Sequence[dict], workers: int = 1, progress: Callable[[], object] | None = None
) -> np.ndarray:
    """Get the sizes of pictures: from their dicts, or else from the heads of the files.

    Args:
        infos: Dicts of a data set, see
            :class:`~bas_mm.datasets.base_localization_dataset.BaseLocalizationDataset`.
        workers: How many processes read files. Defaults to 1.
        progress: Called once per picture. Defaults to None.

    Returns:
        (n, 2) int64, width and height.

    Raises:
        UnreadableImageError: A file is no picture.
    """
    sizes = np.zeros((len(infos), 2), dtype=np.int64)
    unknown = []
    for position, info in enumerate(infos):
        if 'width' in info:
            sizes[position] = info['width'], info['height']
            if progress is not None:
                progress()
        else:
            unknown.append(position)
    paths = [infos[position]['img_path'] for position in unknown]
    with over_files(picture_size, paths, workers) as found:
        for position, path, size in zip(unknown, paths, found):
            if not all(size):
                raise UnreadableImageError.of(path, 'it is no picture')
            sizes[position] = size
            if progress is not None:
                progress()
    return sizes


@contextmanager
def over_files(
    function: Callable[[str], Any], paths: Sequence[str], workers: int
) -> Iterator[Iterable[Any]]:
    """What a function makes of each file, in their order; by processes where they are many.

    It is for converters, which are told how many processes to use and show progress; data sets,
    which are read beside a training, take
    :func:`~bas_mm.utils.bounded_threads.map_in_threads`.

    Args:
        function: One of a module, which processes can be handed.
        paths: The files.
        workers: How many processes; 1 for none.
    """
    if workers > 1 and len(paths) > _FEW:
        with Pool(workers, begin_worker) as pool:
            yield pool.imap(function, paths, chunksize=256)
    else:
        yield map(function, paths)


def clip_boxes(
    boxes: Sequence[np.ndarray], sizes: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Clip boxes to their pictures: corners from 0 to the width or the height, both included.

    Args:
        boxes: Per picture (m, 4) x0, y0, x1, y1.
        sizes: (n, 2) width and height of the pictures.

    Returns:
        The clipped boxes, and the positions of the pictures whose boxes changed.
    """
    limits = np.concatenate([sizes, sizes], axis=1).astype(np.float64)
    clipped = [np.clip(item, 0, limit) for item, limit in zip(boxes, limits)]
    changed = [not np.array_equal(old, new) for old, new in zip(boxes, clipped)]
    return clipped, np.flatnonzero(changed)


def check_ids(place: str, ids: Sequence[str]) -> None:
    """Check that ids can stand in the lists of a split.

    Args:
        place: The list, or the folder of the pictures, for messages.
        ids: Paths below the image root, of pictures or of their folders.

    Raises:
        AnnotationError: One has a comma or a line break, or white space at an end, or is no UTF-8.
            It names the first and counts the others of the same kind.
    """
    separated, undecoded = [], []
    for name in ids:
        # Commas are let pass by boxes, but not by masks, and not by other programs.
        if ',' in name or '\n' in name or '\r' in name or name != name.strip():
            separated.append(name)
        elif name != name.encode(errors='replace').decode():
            undecoded.append(name)
    for names, problem in (
        (separated, 'has a comma, a line break or white space at an end'),
        (undecoded, 'is no UTF-8'),
    ):
        if names:
            problem = f'the id {names[0]!r} {problem}'
            others = len(names) - 1
            raise AnnotationError.at(place, None, problem, 'Rename it on disk', others, unit='id')


def write_split(
    folder: str,
    ids: Sequence[str],
    labels: Sequence[int],
    sizes: ArrayLike | None,
    boxes: Sequence[np.ndarray] | None = None,
    masks: Sequence[Sequence[str]] | None = None,
) -> None:
    """Write the lists of a split, each atomically.

    Numbers are written so that reading gives exactly the same ones.

    Args:
        folder: The folder, made if need be.
        ids: Paths below the image root.
        labels: Classes counted from 0.
        sizes: (n, 2) width and height; None for no ``image_sizes.txt``.
        boxes: Per picture (m, 4) x0, y0, x1, y1. Defaults to None: no ``localization.txt``.
        masks: Per picture the paths of its masks; not together with ``boxes``. Defaults to None.

    Raises:
        AnnotationError: An id cannot stand in a list, see :func:`check_ids`.
    """
    if boxes is not None and masks is not None:
        raise ValueError('a split has boxes or masks, not both')
    check_ids(osp.join(folder, IMAGE_IDS), ids)
    _write(folder, IMAGE_IDS, ids)
    _write(folder, CLASS_LABELS, (f'{name},{label}' for name, label in zip(ids, labels)))
    if sizes is not None:
        rows = zip(ids, np.asarray(sizes).tolist())
        _write(folder, IMAGE_SIZES, (f'{name},{width},{height}' for name, (width, height) in rows))
    if boxes is not None:
        _write(
            folder,
            LOCALIZATION,
            (
                f'{name},{",".join(map(_number, box))}'
                for name, item in zip(ids, boxes)
                for box in item.tolist()
            ),
        )
    elif masks is not None:
        _write(
            folder,
            LOCALIZATION,
            # The third field is of an ignore region, which no picture has.
            (f'{name},{mask},' for name, paths in zip(ids, masks) for mask in paths),
        )


def write_binary_masks(
    infos: Sequence[dict],
    root: str,
    folder: str,
    progress: Callable[[], object] | None = None,
) -> list[tuple[str, ...]]:
    """Write gray masks as 0 and 255, so that every program reads them alike.

    Args:
        infos: Dicts with ``image_id``, ``mask_paths`` and ``mask_threshold``.
        root: The root of masks.
        folder: The folder below ``root`` that they are written to.
        progress: Called once per picture. Defaults to None.

    Returns:
        Per picture the paths of its masks below ``root``.

    Raises:
        UnreadableImageError: A mask is no picture.
    """
    written = []
    for info in infos:
        stem = osp.splitext(info['image_id'])[0]
        paths = []
        for position, path in enumerate(info['mask_paths']):
            mask = read_object_mask(path, info['mask_threshold'])
            name = f'{folder}/{stem}{f"_{position}" if position else ""}.png'
            write_picture(osp.join(root, name), np.where(mask, 255, 0).astype(np.uint8))
            paths.append(name)
        written.append(tuple(paths))
        if progress is not None:
            progress()
    return written


def _write(folder: str, name: str, lines: Iterable[str]) -> None:
    write_text(osp.join(folder, name), ''.join(f'{line}\n' for line in lines))


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
