"""A folder of seeds: what it was made with, and which pictures are done."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from .output_folder import OutputFolder
from .seed_file import read_seed_classes

__all__ = ['SeedFolder']


class SeedFolder(OutputFolder):
    """A folder of seed files; ``seeds.json`` says how they were made."""

    SETTINGS = 'seeds.json'
    SUFFIX = '.npz'
    WHAT = 'seeds'
    COMMAND = 'make_seeds.py'

    def is_done(self, image_id: str, classes: Sequence[int], changed: int = 0) -> bool:
        """Whether the whole file of a picture is there, and not older than what it is made from.

        Args:
            image_id (str): The picture.
            classes (Sequence[int]): The classes that its maps must have.
            changed (int): When the youngest of the files that it is made from was written,
                nanoseconds since the epoch. Defaults to 0: it is made from none.
        """
        path = self.path(image_id)
        found = read_seed_classes(path)
        if found is None or not np.array_equal(found, sorted(classes)):
            return False
        return not changed or os.stat(path).st_mtime_ns >= changed
