"""Seeds of a whole data set: read, made, written at the same time; stopped and started again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import cv2
import torch
from mmengine.dist import all_reduce, get_rank, get_world_size, is_main_process
from torch.utils.data import DataLoader, Dataset

from .functional.seeds import fuse_maps
from .map_folder import MapFolder
from .multi_scale_views import MultiScaleViews
from .progress import PictureProgress
from .seed_file import SeedFile
from .seed_folder import SeedFolder
from .seed_maker import SeedMaker, check_scales

__all__ = ['SeedRun', 'SeedRunResult', 'fuse_seed_file']


class SeedRunResult(NamedTuple):
    """How many pictures a run has made and found, over all processes."""

    made: int
    found: int


class SeedRun:
    """Makes the seed files of a data set that are not there yet.

    Worker processes read and scale the pictures, the network runs here, and threads fetch,
    compress and write the maps, so that the network waits for neither. Each process of a
    distributed job takes every n-th picture; what is in a file does not depend on how many there
    are.

    Args:
        maker (SeedMaker): The network.
        dataset (Dataset): As :class:`MultiScaleViews` takes it; image ids are unique.
        folder (SeedFolder): Where the files go. It has been opened.
        scales (Sequence[float]): The scales.
        fuse (MapFolder, optional): Maps of another method to fuse with. Defaults to None.
        num_workers (int): Worker processes of this process; 0 reads here. Defaults to 2.
        num_writers (int): Writing threads of this process. Defaults to 2.
        say (Callable, optional): Takes lines on progress where there is no terminal.

    Raises:
        ValueError: Scales make no sense, an image id comes twice or a picture has no label.
    """

    def __init__(
        self,
        maker: SeedMaker,
        dataset: Dataset,
        folder: SeedFolder,
        scales=(1.0, 0.5, 1.5, 2.0),
        fuse: MapFolder | None = None,
        num_workers: int = 2,
        num_writers: int = 2,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.maker, self.dataset, self.folder, self.fuse = maker, dataset, folder, fuse
        self.scales = check_scales(scales)
        self.num_workers, self.num_writers, self.say = num_workers, num_writers, say
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
        self._pictures = [(info['image_id'], list(info['gt_label'])) for info in infos]
        for image_id, count in Counter(image_id for image_id, _ in self._pictures).items():
            if count > 1:
                raise ValueError(
                    f'{image_id} comes {count} times in the data set: its seeds would '
                    'overwrite each other'
                )
        for image_id, labels in self._pictures:
            if not labels:
                raise ValueError(
                    f'{image_id} has no label, and seeds are those of labelled classes'
                )

    def missing(self) -> tuple[list[int], int]:
        """Pictures that this process has to make, and how many of its share are done."""
        share = range(get_rank(), len(self._pictures), get_world_size())
        todo = [index for index in share if not self.folder.is_done(*self._pictures[index])]
        return todo, len(share) - len(todo)

    def run(self) -> SeedRunResult:
        """Make what is missing; returns when all processes are done.

        Raises:
            ValueError, RuntimeError: A picture, or the maps to fuse with, cannot be read.
        """
        todo, found = self.missing()
        if todo:
            self._make(todo)
        totals = torch.tensor([len(todo), found])
        all_reduce(totals)  # which also waits for the others
        return SeedRunResult(*totals.tolist())

    def _make(self, todo: list[int]) -> None:
        loader = DataLoader(
            MultiScaleViews(self.dataset, self.scales, todo),
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=self.num_workers,
            pin_memory=self.maker.device.type == 'cuda',
            worker_init_fn=_one_thread,
        )
        what = 'Seeds'
        if get_world_size() > 1:
            what = f'Seeds (process 1 of {get_world_size()})'
        progress = PictureProgress(what, len(todo), self.say, show=is_main_process())
        with progress, ThreadPoolExecutor(self.num_writers) as writers:
            waiting: deque[Future] = deque()
            try:
                for image_id, views, classes, size in loader:
                    flat = self.maker.start(views, classes, size)
                    waiting.append(writers.submit(self._write, image_id, flat, classes, size))
                    # Maps wait in memory: so many that no thread idles, and no more.
                    while len(waiting) > 2 * self.num_writers or (waiting and waiting[0].done()):
                        waiting.popleft().result()
                        progress.advance()
                while waiting:
                    waiting.popleft().result()
                    progress.advance()
            except BaseException:
                for future in waiting:
                    future.cancel()
                raise

    def _write(self, image_id: str, flat: torch.Tensor, classes: torch.Tensor, size) -> None:
        seeds = self.maker.finish(flat, classes, size)
        if self.fuse is not None:
            seeds = fuse_seed_file(seeds, self.fuse, image_id)
        try:
            seeds.save(self.folder.path(image_id))
        except ValueError as error:
            raise ValueError(f'{image_id}: the network gives no usable maps: {error}') from None


def fuse_seed_file(seeds: SeedFile, other: MapFolder, image_id: str) -> SeedFile:
    """Fuse the seeds of a picture with the maps of another method.

    Args:
        seeds (SeedFile): Seeds.
        other (MapFolder): Maps of the same classes at least.
        image_id (str): The picture.

    Returns:
        SeedFile: Of the classes of ``seeds``.
    """
    strided, high_res = other.read(image_id, seeds.classes.tolist(), seeds.high_res.shape[1:])
    return SeedFile(
        seeds.classes, fuse_maps(seeds.strided, strided), fuse_maps(seeds.high_res, high_res)
    )


def _as_it_is(item):
    """Without this function the data loader would turn what it knows into tensors."""
    return item


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
