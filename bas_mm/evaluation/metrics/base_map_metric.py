"""What all metrics of localization maps share."""

import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from ..result_files import write_json, write_table

__all__ = ['BaseMapMetric', 'to_array']

_NO_ID = 'without an image_id'


class BaseMapMetric(BaseMetric):
    """A metric of localization maps: from data samples to one record per picture. Not registered.

    It reads the maps of a batch in one transfer, names the picture in every error, refuses two
    pictures of one id, names constant maps in one warning, and writes the result files. A
    subclass turns a sample into a record (:meth:`measure`), a named tuple with at least
    ``image_id``, ``label`` and ``constant`` (:attr:`record_type`), and all records into figures
    (:meth:`summarize`).

    Args:
        view_size (tuple[int, int], optional): Height and width of the view. Defaults to None:
            each data sample's ``img_shape``.
        per_class (bool): Whether the result file holds the figures of each class too.
        result_file (str, optional): Where the main process writes results. A ``.json`` holds the
            figures, one row per picture and further tables; a ``.csv`` has one line per picture,
            and further tables lie beside it (``name_per_class.csv``). Defaults to None: nowhere.
        collect_device (str): ``'gpu'`` gathers through the process group, in memory, also where
            that is gloo on CPUs; ``'cpu'`` through files in a shared folder. Defaults to 'gpu'.
        prefix (str, optional): In place of ``localization``.
        collect_dir (str, optional): The shared folder for ``collect_device='cpu'``.
    """

    default_prefix = 'localization'

    #: Tensors of a data sample that :meth:`measure` needs, moved to the host batch by batch.
    batch_fields: ClassVar[tuple[str, ...]] = ('pred_map',)

    #: Type of the records, a named tuple: mmengine's gathering hands plain tuples back.
    record_type: ClassVar[type]

    #: What a constant map predicts, for the warning.
    constant_outcome: ClassVar[str] = 'nothing is predicted'

    def __init__(
        self,
        view_size: tuple[int, int] | None = None,
        per_class: bool = False,
        result_file: str | None = None,
        collect_device: str = 'gpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        if view_size is not None and (len(view_size) != 2 or min(view_size) < 1):
            raise ValueError(f'view_size must be (height, width), got {view_size}')
        self.view_size = None if view_size is None else (int(view_size[0]), int(view_size[1]))
        if result_file is not None and Path(result_file).suffix not in ('.csv', '.json'):
            raise ValueError(f'result_file must end in .csv or .json, got {result_file}')
        self.result_file = result_file
        if per_class and result_file is None:
            raise ValueError('per_class=True writes to result_file: name one')
        self.per_class = bool(per_class)

    @abstractmethod
    def measure(self, sample: Mapping[str, Any], name: str, **arrays: np.ndarray) -> Any:
        """Reduce one picture to its record.

        Args:
            sample (Mapping[str, Any]): The data sample.
            name (str): The picture's id.
            **arrays (np.ndarray): Its :attr:`batch_fields`.

        Raises:
            ValueError: Something is wrong with it; the message need not name it.
        """

    @abstractmethod
    def summarize(self, records: list) -> tuple[dict[str, float], dict[str, list[dict]]]:
        """Figures of the whole set, and the tables of the result file by name.

        Args:
            records (list): One per picture, in the order of the data set.
        """

    def keep(self, record: Any) -> None:
        """Take in what :meth:`measure` gave."""
        self.results.append(record)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Reduce a batch of predictions to its records.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Predictions with their ground truth.
        """
        names = [self._name(sample, i) for i, sample in enumerate(data_samples)]
        for name, sample in zip(names, data_samples):
            for field in self.batch_fields:
                if sample.get(field) is None:
                    raise ValueError(f'{name}: the data sample has no {field}')
        columns = [_to_arrays([s[field] for s in data_samples]) for field in self.batch_fields]
        for sample, name, *arrays in zip(data_samples, names, *columns):
            try:
                record = self.measure(sample, name, **dict(zip(self.batch_fields, arrays)))
            except ValueError as error:
                raise ValueError(f'{name}: {error}') from error
            self.keep(record)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures of the whole set, on the main process.

        Args:
            results (list): One record per picture, in the order of the data set.

        Returns:
            dict[str, float]: See the class.
        """
        if not results:
            raise ValueError('no picture was evaluated')
        records = [self.record_type(*result) for result in results]
        self._check_ids(records)
        self._warn_constant(records)
        metrics, tables = self.summarize(records)
        if self.result_file is not None:
            self._write(metrics, tables)
        return metrics

    def view_of(self, sample: Mapping[str, Any]) -> tuple[int, int]:
        """Height and width of the view of one picture."""
        if self.view_size is not None:
            return self.view_size
        height, width = (int(side) for side in self.get(sample, 'img_shape')[:2])
        return height, width

    @staticmethod
    def get(sample: Mapping[str, Any], key: str, advice: str = '') -> Any:
        """A field that must be there."""
        value = sample.get(key)
        if value is None:
            raise ValueError(f'the data sample has no {key}{advice}')
        return value

    @classmethod
    def boxes_of(cls, sample: Mapping[str, Any], key: str, advice: str = '') -> np.ndarray:
        """True boxes of one picture, (n, 4), n >= 1."""
        boxes = to_array(cls.get(sample, key, advice)).reshape(-1, 4)
        if not len(boxes):
            raise ValueError('there is no ground-truth box')
        return boxes

    @classmethod
    def label_of(cls, sample: Mapping[str, Any]) -> int:
        """The one class of one picture."""
        label = to_array(cls.get(sample, 'gt_label')).reshape(-1)
        if label.size != 1:
            raise ValueError(f'exactly one gt_label is needed, got {label.tolist()}')
        return int(label[0])

    def class_columns(self, label: int) -> dict[str, Any]:
        """First columns of a row about a picture or a class: ``label`` and the class's name."""
        classes = (self.dataset_meta or {}).get('classes')
        if classes is None or not 0 <= label < len(classes):
            return {'label': label}
        return {'label': label, 'class': str(classes[label])}

    def _name(self, sample: Mapping[str, Any], index: int) -> str:
        for key in ('image_id', 'img_path'):
            if sample.get(key) is not None:
                return str(sample[key])
        return f'picture {index} of a batch, {_NO_ID}'

    @staticmethod
    def _check_ids(records: Sequence[Any]) -> None:
        twice = [
            name
            for name, count in Counter(record.image_id for record in records).items()
            if count > 1 and _NO_ID not in name
        ]
        if twice:
            raise ValueError(
                f'{len(twice)} image ids were evaluated more than once: {", ".join(twice[:5])}'
            )

    def _warn_constant(self, records: Sequence[Any]) -> None:
        constant = [record.image_id for record in records if record.constant]
        if constant:
            more = ', ...' if len(constant) > 5 else ''
            print_log(
                f'{len(constant)} of {len(records)} localization maps are constant '
                f'({self.constant_outcome}): {", ".join(constant[:5])}{more}',
                logger='current',
                level=logging.WARNING,
            )

    def _write(self, metrics: dict[str, float], tables: dict[str, list[dict]]) -> None:
        path = Path(self.result_file)
        if path.suffix == '.json':
            write_json(path, {'metrics': metrics, **tables})
            return
        for name, rows in tables.items():
            own = name == 'images'
            write_table(path if own else path.with_name(f'{path.stem}_{name}.csv'), rows)


def to_array(value: Any) -> np.ndarray:
    """A tensor or what NumPy takes as an array on the host."""
    if isinstance(value, torch.Tensor):
        value = value.detach()
        if value.dtype in (torch.bfloat16, torch.float16):  # NumPy knows no bfloat16
            value = value.float()
        return value.cpu().numpy()
    return np.asarray(value)


def _to_arrays(values: Sequence[Any]) -> Sequence[np.ndarray]:
    """A batch in one transfer from the device where the shapes allow it."""
    if (
        len(values) > 1
        and all(isinstance(value, torch.Tensor) for value in values)
        and len({(value.shape, value.dtype, value.device) for value in values}) == 1
    ):
        return to_array(torch.stack(list(values)))
    return [to_array(value) for value in values]
