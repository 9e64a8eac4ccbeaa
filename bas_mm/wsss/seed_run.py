"""Seeds of a whole data set: read, made, written at the same time; stopped and started again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch.utils.data import Dataset

from .multi_scale_views import MultiScaleViews, PictureViews
from .output_run import OutputRun
from .seed_folder import SeedFolder
from .seed_maker import SeedMaker

__all__ = ['SeedRun']


class SeedRun(OutputRun):
    """Makes the seed files of a data set that are not there yet; see :class:`OutputRun`.

    Args:
        maker (SeedMaker): The network.
        dataset (Dataset): As :class:`MultiScaleViews` takes it; image ids are unique.
        folder (SeedFolder): Where the files go. It has been opened.
        scales (Sequence[float]): The scales, such as those of :class:`~.seed_maker.SeedParams`.
        num_workers (int): Worker processes of this process; 0 reads here. Defaults to 2.
        num_writers (int): Writing threads of this process. Defaults to 2.
        say (Callable, optional): Takes lines on progress where there is no terminal.

    Raises:
        ValueError: An image id comes twice or a picture has no label.
    """

    WHAT = 'seeds'

    def __init__(
        self,
        maker: SeedMaker,
        dataset: Dataset,
        folder: SeedFolder,
        scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0),
        num_workers: int = 2,
        num_writers: int = 2,
        say: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(dataset, maker.device, num_workers, num_writers, say)
        self.maker, self.folder, self.scales = maker, folder, scales

    def inputs(self, indices: Sequence[int]) -> Dataset:
        """Pictures at all scales."""
        return MultiScaleViews(self.dataset, self.scales, indices)

    def is_done(self, image_id: str, labels: Sequence[int]) -> bool:
        """Whether the picture's seeds are there, of these classes."""
        return self.folder.is_done(image_id, labels)

    def start(self, item: PictureViews) -> torch.Tensor:
        """Queue the network's passes."""
        return self.maker.start(item.views, item.classes, item.size)

    def write(self, item: PictureViews, result: torch.Tensor) -> None:
        """Fetch and write the maps.

        Raises:
            ValueError: They are not finite.
        """
        seeds = self.maker.finish(result, item.classes, item.size)
        try:
            seeds.save(self.folder.path(item.image_id))
        except ValueError as error:
            message = f'{item.image_id}: the network gives no usable maps: {error}'
            raise ValueError(message) from None
