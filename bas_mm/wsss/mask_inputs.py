"""Pictures with their seeds, from which masks are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from .multi_scale_views import MultiScaleViews
from .seed_file import SeedFile
from .seed_source import SeedSource

__all__ = ['MaskInput', 'MaskInputs']


class MaskInput(NamedTuple):
    """What is needed to make the mask of one picture.

    Attributes:
        image_id (str): Name of the picture.
        picture (Tensor): (3, h, w) uint8 BGR.
        seeds (Tensor): (K, ceil(h / 4), ceil(w / 4)) float32.
        classes (Tensor): (K,) int64, ascending: its positive classes.
    """

    image_id: str
    picture: torch.Tensor
    seeds: torch.Tensor
    classes: torch.Tensor


class MaskInputs(Dataset):
    """Pictures of a data set with their strided seeds; read in worker processes.

    Args:
        dataset (Dataset): As :class:`MultiScaleViews` takes it.
        seeds (SeedSource): Seeds of all its pictures.
        indices (Sequence[int]): The items that are wanted, in this order.
    """

    def __init__(self, dataset: Dataset, seeds: SeedSource, indices: Sequence[int]) -> None:
        self.views = MultiScaleViews(dataset, (1.0,), indices)
        self.seeds = seeds

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, position: int) -> MaskInput:
        """Read one picture and its seeds.

        Raises:
            ValueError: The seed file is damaged or of another picture; the message names it.
        """
        image_id, (picture,), classes, size = self.views[position]
        path = self.seeds.path(image_id)
        maps = SeedFile.load_of_picture(path, 'strided', classes.tolist(), size)
        # A copy: torch warns of arrays that it may not write to.
        return MaskInput(image_id, picture, torch.from_numpy(np.array(maps)), classes)
