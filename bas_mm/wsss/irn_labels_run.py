"""IRNet's labels of a whole data set on several processes; stopped and started again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Dataset

from bas_mm.utils.ordered_calls import OrderedCalls
from bas_mm.utils.palette import encode_palette_png
from bas_mm.utils.picture_progress import PictureProgress
from bas_mm.utils.result_files import write_bytes
from bas_mm.utils.worker_pool import worker_pool

from .functional.irn_labels import IRNLabelParams
from .irn_labels_folder import IRNLabelFolder
from .irn_labels_maker import make_irn_labels
from .multi_scale_views import MultiScaleViews
from .output_run import OutputRunResult, check_image_ids
from .seed_source import SeedSource

__all__ = ['IRNLabelRun']


class IRNLabelRun:
    """Makes the label files of a data set that are not there yet.

    The CRF takes nearly all of the time: worker processes run it, and this process reads the
    pictures, as the data set's pipeline says, and writes the files.

    Args:
        dataset (Dataset): As :class:`MultiScaleViews` takes it; image ids are unique.
        seeds (SeedSource): Seeds of all its pictures.
        folder (IRNLabelFolder): Where the files go. It has been opened.
        params (IRNLabelParams): Scores and CRF. Defaults to the spec's.
        num_workers (int): Worker processes; 0 works here. Defaults to 0.

    Raises:
        ValueError: An image id comes twice, or a picture has no seeds.
    """

    def __init__(
        self,
        dataset: Dataset,
        seeds: SeedSource,
        folder: IRNLabelFolder,
        params: IRNLabelParams | None = None,
        num_workers: int = 0,
    ) -> None:
        self.dataset, self.seeds, self.folder = dataset, seeds, folder
        self.params = params or IRNLabelParams()
        self.num_workers = num_workers
        self._ids = [dataset.get_data_info(index)['image_id'] for index in range(len(dataset))]
        check_image_ids(self._ids, 'labels')
        seeds.require(self._ids)

    def run(self) -> OutputRunResult:
        """Make what is missing.

        Raises:
            ImportError: pydensecrf2 is not installed.
            ValueError, RuntimeError: Seeds or a picture cannot be read; the message names the file.
        """
        todo = [
            index
            for index, image_id in enumerate(self._ids)
            if not self.folder.is_done(image_id, self.seeds.path(image_id))
        ]
        if todo:
            self._make(todo)
        return OutputRunResult(len(todo), len(self._ids) - len(todo))

    def _make(self, todo: list[int]) -> None:
        progress = PictureProgress('IRNet labels', len(todo))
        with progress, worker_pool(min(self.num_workers, len(todo))) as pool:
            # Pictures wait in memory: so many that no worker idles, and no more.
            labels = self._labels(todo, OrderedCalls(pool, 3 * self.num_workers))
            for index, of_picture in zip(todo, labels):
                write_bytes(self.folder.path(self._ids[index]), encode_palette_png(of_picture))
                progress.advance()

    def _labels(self, todo: list[int], calls: OrderedCalls) -> Iterator[np.ndarray]:
        """Labels of pictures, in their order: (h, w) uint8 each."""
        pictures = MultiScaleViews(self.dataset, (1.0,), todo)
        for position in range(len(todo)):
            image_id, (picture,), classes, _ = pictures[position]
            # To RGB, as the published labels were made: the CRF's lattice, an approximation,
            # is not quite the same with the colours in another order.
            image = np.ascontiguousarray(picture.flip(0).permute(1, 2, 0).numpy())
            path = self.seeds.path(image_id)
            calls.submit(make_irn_labels, image, path, classes.tolist(), self.params)
            yield from calls.finished()
        yield from calls.finished(everything=True)
