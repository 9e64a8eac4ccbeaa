"""All predictions of a test in one file."""

import pickle
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import DumpResults
from mmengine.logging import print_log

from bas_mm.utils.result_files import whole_file

__all__ = ['PredictionsDump']


class PredictionsDump(DumpResults):
    """mmengine's ``DumpResults``, whose file is whole or not there, and no larger than need be."""

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
