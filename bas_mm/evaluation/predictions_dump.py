"""All predictions of a test in one file."""

import pickle
from typing import Any

from mmengine.evaluator import DumpResults
from mmengine.logging import print_log

from bas_mm.utils.result_files import whole_file

__all__ = ['PredictionsDump']


class PredictionsDump(DumpResults):
    """mmengine's ``DumpResults``, whose file is whole or not there."""

    def compute_metrics(self, results: list[Any]) -> dict:
        """Write the predictions.

        Args:
            results (list): those of all pictures, without devices' tensors.
        """
        with whole_file(self.out_file_path) as file:
            pickle.dump(results, file)
        print_log(f'Predictions are in {self.out_file_path}.', logger='current')
        return {}
