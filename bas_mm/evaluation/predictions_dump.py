"""All predictions of a test in one file."""

import pickle
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from mmengine.dist import all_gather_object, barrier, get_rank
from mmengine.evaluator import DumpResults
from mmengine.logging import print_log

from bas_mm.utils.result_files import whole_file

__all__ = ['PredictionsDump']


class PredictionsDump(DumpResults):
    """mmengine's ``DumpResults``, whose file is whole or not there, and no larger than need be.

    The file is written by :meth:`write`, which all processes call after the test. By then the
    figures of the other metrics are in the log, whatever becomes of the file.

    Args:
        out_file_path (str): The file, ``.pkl`` or ``.pickle``.
    """

    def __init__(self, out_file_path: str) -> None:
        super().__init__(out_file_path)
        self.num_pictures = 0

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the predictions of a batch.

        Those on a CPU may be views of what the network gave for the whole batch, all of which would
        be written with each of them.

        Args:
            data_batch (Any): unused.
            data_samples (Sequence[dict]): of the batch.
        """
        first = len(self.results)
        super().process(data_batch, data_samples)
        self.results[first:] = [_without_batch(sample) for sample in self.results[first:]]

    def evaluate(self, size: int) -> dict:
        """Keep what there is for :meth:`write`; there are no figures.

        Args:
            size (int): Number of pictures of the test set, without those that samplers repeat.
        """
        self.num_pictures = size
        return {}

    def write(self) -> None:
        """Write the predictions of all processes, in the order of the test set.

        The main process gets those of the others one picture at a time. They come through the
        process group, whatever its backend, so that no shared folder is needed. No other process
        gets any.

        Raises:
            OSError: The main process cannot write the file.
        """
        rank, lengths = get_rank(), all_gather_object(len(self.results))
        # Samplers deal the pictures out in turn, and repeat some at the end.
        order = [
            (source, i)
            for i in range(max(lengths))
            for source, length in enumerate(lengths)
            if i < length
        ]
        gathered = []
        for source, i in order[: self.num_pictures]:
            if source == rank == 0:
                gathered.append(self.results[i])
            elif source == rank:
                dist.send_object_list([self.results[i]], dst=0)
            elif rank == 0:
                received = [None]
                dist.recv_object_list(received, src=source)
                gathered += received
        barrier()  # a group that is closed earlier may drop what is under way
        self.results.clear()
        if rank == 0:
            self.compute_metrics(gathered)

    def compute_metrics(self, results: list[Any]) -> dict:
        """Write the predictions.

        Args:
            results (list): those of all pictures, without devices' tensors.
        """
        with whole_file(self.out_file_path) as file:
            pickle.dump(results, file)
        print_log(f'Predictions are in {self.out_file_path}.', logger='current')
        return {}


def _without_batch(value: Any) -> Any:
    """The same in which each tensor has memory of its own."""
    if isinstance(value, torch.Tensor):
        whole = value.untyped_storage().nbytes() == value.numel() * value.element_size()
        return value if whole else value.clone()
    if isinstance(value, dict):
        return {key: _without_batch(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(_without_batch(item) for item in value)
    return value
