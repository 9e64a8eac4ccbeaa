"""One file per picture of a data set: read, made, written at the same time; resumed, shared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import torch
from mmengine.dist import all_reduce, get_rank, get_world_size, is_main_process
from torch.utils.data import DataLoader, Dataset

from bas_mm.utils.bounded_threads import BoundedThreads
from bas_mm.utils.cudnn_search import without_cudnn_search
from bas_mm.utils.picture_progress import PictureProgress

__all__ = ['OutputRun', 'OutputRunResult', 'check_image_ids']


class OutputRunResult(NamedTuple):
    """How many pictures a run has made and found, over all processes."""

    made: int
    found: int


class OutputRun:
    """Makes the files of a data set that are not there yet.

    Worker processes read the pictures, the network runs here, and threads fetch and write what it
    gives, so that the network waits for neither. Each process of a distributed job takes every
    n-th picture; what is in a file does not depend on how many there are.

    A subclass says what a picture's input is (:meth:`inputs`), how the work on it begins
    (:meth:`start`) and ends (:meth:`write`), and which pictures are done (:meth:`is_done`).

    Args:
        dataset (Dataset): ``get_data_info(i)`` gives ``image_id``, unique, and ``gt_label``.
        device (torch.device): Where the network is.
        num_workers (int): Worker processes of this process; 0 reads here. Defaults to 2.
        num_writers (int): Writing threads of this process. Defaults to 2.
        say (Callable, optional): Takes lines on progress where there is no terminal.

    Raises:
        ValueError: An image id comes twice or a picture has no label.
    """

    #: What is made, in the plural.
    WHAT: str

    def __init__(
        self,
        dataset: Dataset,
        device: torch.device,
        num_workers: int = 2,
        num_writers: int = 2,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.dataset, self.device = dataset, device
        self.num_workers, self.num_writers, self.say = num_workers, num_writers, say
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
        self.pictures = [(info['image_id'], list(info['gt_label'])) for info in infos]
        check_image_ids([image_id for image_id, _ in self.pictures], self.WHAT)
        for image_id, labels in self.pictures:
            if not labels:
                raise ValueError(
                    f'{image_id} has no label, and {self.WHAT} are those of labelled classes: '
                    'give the data set a list without it'
                )

    def inputs(self, indices: Sequence[int]) -> Dataset:
        """The inputs of these pictures, as a data set that worker processes read."""
        raise NotImplementedError

    def start(self, item: Any) -> torch.Tensor:
        """Queue the work of one input on the device."""
        raise NotImplementedError

    def write(self, item: Any, result: torch.Tensor) -> None:
        """Wait for the device and write the file; called in a thread."""
        raise NotImplementedError

    def is_done(self, image_id: str, labels: Sequence[int]) -> bool:
        """Whether the whole file of a picture is there."""
        raise NotImplementedError

    def missing(self) -> tuple[list[int], int]:
        """Pictures that this process has to make, and how many of its share are done."""
        share = range(get_rank(), len(self.pictures), get_world_size())
        todo = [index for index in share if not self.is_done(*self.pictures[index])]
        return todo, len(share) - len(todo)

    def run(self) -> OutputRunResult:
        """Make what is missing; returns when all processes are done.

        Raises:
            ValueError, RuntimeError: Something that is needed cannot be read.
        """
        todo, found = self.missing()
        if todo:
            self._make(todo)
        totals = torch.tensor([len(todo), found])
        all_reduce(totals)  # which also waits for the others
        return OutputRunResult(*totals.tolist())

    def _make(self, todo: list[int]) -> None:
        loader = DataLoader(
            self.inputs(todo),
            batch_size=None,
            collate_fn=_as_it_is,
            num_workers=self.num_workers,
            pin_memory=self.device.type == 'cuda',
            worker_init_fn=_one_thread,
        )
        what = self.WHAT.capitalize()
        if get_world_size() > 1:
            what = f'{what} (process 1 of {get_world_size()})'
        progress = PictureProgress(what, len(todo), self.say, show=is_main_process())
        # Each picture has its own size, and files are not to depend on what was fastest.
        with progress, without_cudnn_search(), BoundedThreads(self.num_writers) as writers:
            for item in loader:
                writers.submit(self.write, item, self.start(item))
                for _ in writers.finished():
                    progress.advance()
            for _ in writers.finished(everything=True):
                progress.advance()


def check_image_ids(ids: Sequence[str], what: str) -> None:
    """Raise a ValueError where two pictures have one id, and so one file.

    Args:
        ids (Sequence[str]): Ids of a set's pictures.
        what (str): What the files hold, for the message.
    """
    for image_id, count in Counter(ids).items():
        if count > 1:
            raise ValueError(
                f'{image_id} comes {count} times in the data set: its {what} would overwrite each '
                'other'
            )


def _as_it_is(item: Any) -> Any:
    """Without this function the data loader would turn what it knows into tensors."""
    return item


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
