"""Pseudo masks of a whole data set; stopped and started again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.utils.data import Dataset

from bas_mm.utils.palette import encode_palette_png
from bas_mm.utils.result_files import write_bytes

from .mask_folder import MaskFolder
from .mask_inputs import MaskInput, MaskInputs
from .mask_maker import UNUSABLE, MaskMaker
from .output_run import OutputRun
from .seed_source import SeedSource

__all__ = ['MaskRun']


class MaskRun(OutputRun):
    """Makes the pseudo masks of a data set that are not there yet; see :class:`OutputRun`.

    Args:
        maker (MaskMaker): IRNet.
        dataset (Dataset): As :class:`MaskInputs` takes it; image ids are unique.
        seeds (SeedSource): Seeds of all its pictures.
        folder (MaskFolder): Where the files go. It has been opened.
        num_workers (int): Worker processes of this process; 0 reads here. Defaults to 2.
        num_writers (int): Writing threads of this process. Defaults to 2.
        say (Callable, optional): Takes lines on progress where there is no terminal.

    Raises:
        ValueError: An image id comes twice, or a picture has no label or no seeds.
    """

    WHAT = 'masks'

    def __init__(
        self,
        maker: MaskMaker,
        dataset: Dataset,
        seeds: SeedSource,
        folder: MaskFolder,
        num_workers: int = 2,
        num_writers: int = 2,
        say: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(dataset, maker.device, num_workers, num_writers, say)
        self.maker, self.seeds, self.folder = maker, seeds, folder
        seeds.require([image_id for image_id, _ in self.pictures])

    def inputs(self, indices: Sequence[int]) -> Dataset:
        """Pictures with their seeds."""
        return MaskInputs(self.dataset, self.seeds, indices)

    def is_done(self, image_id: str, labels: Sequence[int]) -> bool:
        """Whether the picture's mask is there, and not older than its seeds."""
        return self.folder.is_done(image_id, self.seeds.path(image_id))

    def start(self, item: MaskInput) -> torch.Tensor:
        """Queue the network and the walk."""
        return self.maker.start(item.picture, item.seeds, item.classes)

    def write(self, item: MaskInput, result: torch.Tensor) -> None:
        """Fetch and write the mask.

        Raises:
            ValueError: IRNet's boundaries are not finite.
        """
        mask = result.cpu().numpy()
        if mask[0, 0] == UNUSABLE:
            raise ValueError(
                f'{item.image_id}: the network gives no usable boundaries: some are NaN or infinite'
            )
        write_bytes(self.folder.path(item.image_id), encode_palette_png(mask))
