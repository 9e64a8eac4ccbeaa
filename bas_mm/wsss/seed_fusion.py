"""A folder of seeds fused with the maps of another method; stopped and started again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from .map_folder import MapFolder, fuse_with_maps
from .picture_sums import sum_over_pictures
from .seed_file import SeedFile, read_seed_classes
from .seed_folder import SeedFolder

__all__ = ['fuse_picture', 'fuse_pictures']


def fuse_pictures(
    image_ids: Sequence[str],
    seeds: SeedFolder,
    maps: MapFolder,
    folder: SeedFolder,
    num_workers: int = 0,
) -> int:
    """Fuse the pictures whose fused file is not there, or older than what it is made from.

    Args:
        image_ids (Sequence[str]): The pictures, at least one.
        seeds (SeedFolder): Their seeds.
        maps (MapFolder): Their maps by another method.
        folder (SeedFolder): Where the fused seeds go. It has been opened.
        num_workers (int): Worker processes; 0 works here. Defaults to 0.

    Returns:
        int: How many were fused.

    Raises:
        SeedFileError: Seeds or maps are missing, damaged or not normalised; the message names the
            file.
        OSError: A file cannot be written.
    """
    fuse = partial(fuse_picture, seeds=seeds, maps=maps, folder=folder)
    pictures = [(image_id,) for image_id in image_ids]
    return sum_over_pictures(fuse, pictures, 'Fusing', num_workers)


def fuse_picture(image_id: str, seeds: SeedFolder, maps: MapFolder, folder: SeedFolder) -> int:
    """Fuse one picture for :func:`fuse_pictures`.

    Returns:
        int: 1 if it was fused, 0 if that was done before.
    """
    path = seeds.path(image_id)
    labels = read_seed_classes(path)
    if labels is not None:
        changed = max(os.stat(path).st_mtime_ns, maps.changed(image_id, labels.tolist()))
        if folder.is_done(image_id, labels, changed):
            return 0
    fused = fuse_with_maps(SeedFile.load_normalised(path), maps, image_id)
    fused.save(folder.path(image_id))
    return 1
