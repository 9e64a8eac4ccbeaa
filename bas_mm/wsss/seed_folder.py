"""A folder of seeds: what it was made with, and which pictures are done."""

from __future__ import annotations

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

    def is_done(self, image_id: str, classes: Sequence[int]) -> bool:
        """Whether the whole file of a picture is there, with the maps of these classes."""
        found = read_seed_classes(self.path(image_id))
        return found is not None and np.array_equal(found, sorted(classes))
