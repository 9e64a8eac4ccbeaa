"""What all metrics of localization maps share."""

import logging
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from bas_mm.utils.arguments import is_single, whole_number
from bas_mm.utils.result_files import write_json_tables, write_table

from ..ordered_workers import OrderedWorkers
from ..picture_work import Measured
from .name_log import NameLog

__all__ = ['BaseMapMetric', 'Measured', 'picture_name', 'to_array']

_NO_ID = 'without an image_id'

# Constant maps that are named.
_NAMED = 5


class _Part(NamedTuple):
    """What one process hands over; mmengine's gathering turns it into a plain tuple."""

    totals: dict[int, tuple[int, np.ndarray]]  # by label: pictures, sum of their counts
    missing: int  # pictures fewer than expected; below 0: more
    constant: int  # number of constant maps
    constant_names: list[tuple[int, str]]  # the first ones: place in the data set, name
    names: bytes  # a packed NameLog
    # Name, label, whether it is constant, values; for the result file alone.
    rows: list[tuple[str, int, bool, tuple]]


class BaseMapMetric(BaseMetric):
    """A metric of localization maps: from data samples to sums of counts. Not registered.

    It reads the maps of a batch in one transfer, names the picture in every error, refuses two
    pictures of one id, counts constant maps in one warning, and writes the result files.

    Each picture gives an array of counts, integers, always of the same shape. A process adds them
    up, per class where figures of classes are asked for, and nothing else is kept or gathered but
    the names of pictures, compressed to some bytes each (:class:`NameLog`), and, where there is a
    result file, what it says about each picture. Sums of integers do not depend on their order:
    the figures are the same on any number of processes.

    A subclass prepares a picture (:meth:`prepare`), reduces it to a :class:`Measured`
    (:attr:`work`) and turns sums into figures (:meth:`figures`).

    Args:
        view_size (int | tuple[int, int], optional): Height and width of the view; one number for
            both. Defaults to None: each data sample's ``img_shape``.
        per_class (bool): Whether the result file holds the figures of each class too.
        result_file (str, optional): Where the main process writes results. A ``.json`` holds the
            figures, one row per picture and further tables; a ``.csv`` has one line per picture,
            and beside it lie the figures (``name_metrics.csv``, one line) and further tables
            (``name_per_class.csv``). Defaults to None: nowhere.
        num_workers (int): Processes that do the work while the network goes on; 0 does it in
            this one. Worth it where the network runs on a GPU, and then one mostly keeps up. Each
            takes about a second to start, and some 60 MB. Defaults to 0.
        collect_device (str): ``'gpu'`` gathers through the process group, in memory, also where
            that is gloo on CPUs; ``'cpu'`` through files in a shared folder. Defaults to 'gpu'.
        prefix (str, optional): In place of ``localization``.
        collect_dir (str, optional): The shared folder for ``collect_device='cpu'``.
    """

    default_prefix = 'localization'

    #: Tensors of a data sample that :meth:`prepare` needs, moved to the host batch by batch.
    batch_fields: ClassVar[tuple[str, ...]] = ('pred_map',)

    #: Function of a module: from what :meth:`prepare` gave to a picture's :class:`Measured`. Worker
    #: processes import that module: without torch in it they start sooner, in less memory.
    work: ClassVar[Callable[..., Measured]]

    #: What the warning calls pictures whose :attr:`Measured.constant` is set.
    constant_what: ClassVar[str] = 'localization maps are constant'

    #: What such a map predicts, for the warning.
    constant_outcome: ClassVar[str] = 'nothing is predicted'

    #: Column of the result file that tells them.
    constant_column: ClassVar[str] = 'constant'

    #: Figures and columns that are not reported, at no threshold either.
    left_out: Collection[str] = ()

    def __init__(
        self,
        view_size: int | tuple[int, int] | None = None,
        per_class: bool = False,
        result_file: str | None = None,
        num_workers: int = 0,
        collect_device: str = 'gpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        self.view_size = None if view_size is None else _height_and_width(view_size)
        if result_file is not None and Path(result_file).suffix not in ('.csv', '.json'):
            raise ValueError(f'result_file must end in .csv or .json, got {result_file}')
        self.result_file = result_file
        if per_class and result_file is None:
            raise ValueError('per_class=True writes to result_file: name one')
        self.per_class = bool(per_class)
        if num_workers < 0:
            raise ValueError(f'num_workers must be 0 or more, got {num_workers}')
        self.num_workers = int(num_workers)
        self._workers = OrderedWorkers(self.num_workers)
        self._reset()

    @abstractmethod
    def prepare(self, sample: Mapping[str, Any], name: str, **arrays: np.ndarray) -> tuple:
        """What :attr:`work` needs of one picture; here is no time for work.

        Args:
            sample (Mapping[str, Any]): The data sample.
            name (str): The picture's id.
            **arrays (np.ndarray): Its :attr:`batch_fields`, and its part of :meth:`of_batch`.

        Returns:
            tuple: Arguments of :attr:`work`, small, for they may travel to another process.

        Raises:
            ValueError: Something is wrong with it; the message need not name it.
        """

    def of_batch(
        self, samples: Sequence[Mapping[str, Any]], **columns: Sequence[np.ndarray]
    ) -> dict[str, Sequence]:
        """Further arguments of :meth:`prepare`, worked out of a whole batch at once.

        For what NumPy does in one call: a call for each picture may take ten times as long, and
        the network waits.

        Args:
            samples (Sequence[Mapping[str, Any]]): The data samples.
            **columns (Sequence[np.ndarray]): Their :attr:`batch_fields`, one item per picture: one
                array where the shapes are the same.

        Returns:
            dict[str, Sequence]: One item per picture, by the name of the argument.

        Raises:
            ValueError: Something is wrong with a picture, or the shapes differ; the message need
                not name the picture. The pictures are asked for one by one then.
        """
        return {}

    @abstractmethod
    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], Any]:
        """Figures from summed counts, and what of them the figures of a class depend on."""

    def class_figures(
        self, counts: np.ndarray, pictures: int, whole: Any
    ) -> dict[str, float | None]:
        """Figures of one class; ``whole`` is the second value of :meth:`figures`."""
        return {}

    def row(self, values: tuple) -> dict[str, Any]:
        """Columns of one picture in the result file, from its :attr:`Measured.values`."""
        return {}

    def tables(self, whole: Any) -> dict[str, list[dict]]:
        """Further tables of the result file; ``whole`` as in :meth:`class_figures`."""
        return {}

    def write_results(self, metrics: dict[str, float], tables: dict[str, Iterable[dict]]) -> None:
        """Write the result file, on the main process.

        Args:
            metrics (dict[str, float]): The figures.
            tables (dict[str, Iterable[dict]]): Rows by the name of their table; ``images`` has one
                per picture, in the order of the data set: its id, its :meth:`class_columns`,
                :attr:`constant_column` and its :meth:`row`. They are made as they are read, once.
        """
        path = Path(self.result_file)
        if path.suffix == '.json':
            write_json_tables(path, metrics, tables)
            return
        for name, rows in {'metrics': [metrics], **tables}.items():
            own = name == 'images'
            write_table(path if own else path.with_name(f'{path.stem}_{name}.csv'), rows)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Reduce a batch of predictions to counts.

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
        # The data preprocessor puts labels on the device: they come back together as well.
        labels = [sample.get('gt_label') for sample in data_samples]
        if all(isinstance(label, torch.Tensor) for label in labels):
            data_samples = [
                {**sample, 'gt_label': label}
                for sample, label in zip(data_samples, _to_arrays(labels))
            ]
        columns = dict(zip(self.batch_fields, columns))
        columns.update(self._of_batch(data_samples, names, columns))
        jobs = []
        for i, (sample, name) in enumerate(zip(data_samples, names)):
            with _named(name):
                own = {field: column[i] for field, column in columns.items()}
                jobs.append((name, self.prepare(sample, name, **own)))
        self._workers.submit(type(self).work, jobs)
        for name, measured in self._workers.finished():
            self._add(name, measured)

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather what all processes have, and compute the figures.

        Args:
            size (int): Number of pictures of the whole set.

        Returns:
            dict[str, float]: See the class.
        """
        for name, measured in self._workers.finished(everything=True):
            self._add(name, measured)
        # The samplers deal pictures out in turn and pad the last round from the beginning: at
        # most the last picture of a process is one too many.
        expected = max(-(-(size - get_rank()) // get_world_size()), 0)
        if 0 < self._seen <= expected:
            self._take_in(*self._last)
        self.results = [
            _Part(
                self._totals,
                expected - self._seen,
                self._constant,
                self._constant_names,
                self._names.packed(),
                self._rows,
            )
        ]
        self._reset()
        # One part per process: mmengine, which cuts a list to that length, loses none.
        return super().evaluate(get_world_size())

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures of the whole set, on the main process.

        Args:
            results (list): What each process handed over.

        Returns:
            dict[str, float]: See the class.
        """
        parts = [_Part(*result) for result in results]
        totals: dict[int, tuple[int, np.ndarray]] = {}
        for label, own in chain.from_iterable(part.totals.items() for part in parts):
            totals[label] = _sum(totals.get(label), own)
        missing = [part.missing for part in parts]
        if min(missing) < -1 or (min(missing) < 0 < max(missing)):
            raise ValueError(
                f'the processes evaluated {[-count for count in missing]} pictures more than their '
                "shares of the set: the sampler does not deal them out in turn, as mmengine's "
                'DefaultSampler does'
            )
        if not totals:
            raise ValueError('no picture was evaluated')
        self._check_ids(parts)
        pictures = sum(own[0] for own in totals.values())
        self._warn_missing(sum(max(count, 0) for count in missing), pictures)
        self._warn_constant(parts, pictures)
        metrics, whole = self.figures(sum(own[1] for own in totals.values()), pictures)
        metrics = self._reported(metrics)
        if self.result_file is not None:
            self.write_results(metrics, self._all_tables(parts, totals, whole))
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
            if sample.get('view_lost'):
                advice = (
                    ': a transform of the pipeline has changed the size of the picture without '
                    'saying where the view lies; take LocResize, LocCenterCrop and the like'
                )
            raise ValueError(f'the data sample has no {key}{advice}')
        return value

    @classmethod
    def boxes_of(cls, sample: Mapping[str, Any], key: str, advice: str = '') -> np.ndarray:
        """True boxes of one picture, (n, 4), n >= 1; finite, x0 <= x1 and y0 <= y1."""
        boxes = to_array(cls.get(sample, key, advice)).reshape(-1, 4)
        if not len(boxes):
            raise ValueError('there is no ground-truth box')
        if not (boxes[:, 2:] >= boxes[:, :2]).all() or not np.isfinite(boxes).all():  # NaN: both
            raise ValueError(
                'a ground-truth box is not made of finite numbers, or has x1 < x0 or y1 < y0: '
                f'{boxes.tolist()}'
            )
        return boxes

    @classmethod
    def label_of(cls, sample: Mapping[str, Any]) -> int:
        """The one class of one picture."""
        label = to_array(cls.get(sample, 'gt_label')).reshape(-1)
        if label.size != 1:
            raise ValueError(f'exactly one gt_label is needed, got {label.tolist()}')
        if label.dtype.kind == 'f' and not float(label[0]).is_integer():
            raise ValueError(f'gt_label must be a whole number, got {label[0]}')
        return int(label[0])

    def class_columns(self, label: int) -> dict[str, Any]:
        """First columns of a row about a picture or a class: ``label`` and the class's name.

        Where the data set names its classes all rows have both, as those of a table must: without
        a class of this label, such as where a picture has none, the name is None.
        """
        classes = (self.dataset_meta or {}).get('classes')
        if classes is None:
            return {'label': label}
        named = 0 <= label < len(classes)
        return {'label': label, 'class': str(classes[label]) if named else None}

    def _of_batch(
        self,
        samples: Sequence[Mapping[str, Any]],
        names: Sequence[str],
        columns: dict[str, Sequence[np.ndarray]],
    ) -> dict[str, Sequence]:
        """What :meth:`of_batch` gives; its errors name the picture."""
        if len(samples) > 1:
            with suppress(ValueError):
                return self.of_batch(samples, **columns)
        found: dict[str, list] = {}
        for i, (sample, name) in enumerate(zip(samples, names)):
            with _named(name):
                own = {field: column[i : i + 1] for field, column in columns.items()}
                for field, values in self.of_batch([sample], **own).items():
                    found.setdefault(field, []).extend(values)
        return found

    def _name(self, sample: Mapping[str, Any], index: int) -> str:
        name = picture_name(sample)
        return f'picture {index} of a batch, {_NO_ID}' if name is None else name

    def _reset(self) -> None:
        self._totals: dict[int, tuple[int, np.ndarray]] = {}
        self._seen = 0
        self._last: tuple[str, Measured] | None = None
        self._constant = 0
        self._constant_names: list[tuple[int, str]] = []
        self._names = NameLog()
        self._rows: list[tuple[str, int, bool, tuple]] = []

    def _add(self, name: str, measured: Measured) -> None:
        """Take in the picture before this one: whether the last one counts is not known yet."""
        if self._last is not None:
            self._take_in(*self._last)
        self._last = name, measured
        self._seen += 1

    def _take_in(self, name: str, measured: Measured) -> None:
        label = measured.label if self.per_class else -1
        self._totals[label] = _sum(self._totals.get(label), (1, measured.counts))
        if _NO_ID not in name:
            self._names.add(name)
        if measured.constant:
            self._constant += 1
            if len(self._constant_names) < _NAMED:
                index = sum(own[0] for own in self._totals.values()) - 1
                place = index * get_world_size() + get_rank()
                self._constant_names.append((place, name))
        if self.result_file is not None:
            self._rows.append((name, measured.label, measured.constant, measured.values))

    @staticmethod
    def _check_ids(parts: Sequence[_Part]) -> None:
        twice = NameLog.repeated([part.names for part in parts])
        if twice:
            raise ValueError(
                f'{len(twice)} image ids were evaluated more than once: {", ".join(twice[:5])}'
            )

    @staticmethod
    def _warn_missing(missing: int, pictures: int) -> None:
        if missing:
            print_log(
                f'{missing} of the {missing + pictures} pictures of the set were not evaluated: '
                'the figures are of the others. A val_dataloader or test_dataloader must have '
                'drop_last=False',
                logger='current',
                level=logging.WARNING,
            )

    def _warn_constant(self, parts: Sequence[_Part], pictures: int) -> None:
        constant = sum(part.constant for part in parts)
        if constant:
            first = sorted(chain.from_iterable(part.constant_names for part in parts))[:_NAMED]
            more = ', ...' if constant > _NAMED else ''
            print_log(
                f'{constant} of {pictures} {self.constant_what} '
                f'({self.constant_outcome}): {", ".join(name for _, name in first)}{more}',
                logger='current',
                level=logging.WARNING,
            )

    def _reported(self, row: dict[str, Any]) -> dict[str, Any]:
        if not self.left_out:
            return row
        return {name: v for name, v in row.items() if name.partition('@')[0] not in self.left_out}

    def _all_tables(
        self, parts: Sequence[_Part], totals: dict[int, tuple[int, np.ndarray]], whole: Any
    ) -> dict[str, Iterable[dict]]:
        in_turn = chain.from_iterable(zip_longest(*(part.rows for part in parts)))
        images = (
            {
                'image_id': name,
                **self.class_columns(label),
                self.constant_column: constant,
                **self._reported(self.row(values)),
            }
            for name, label, constant, values in filter(None, in_turn)
        )
        tables = {'images': images, **self.tables(whole)}
        if self.per_class:
            tables['per_class'] = [
                {
                    **self.class_columns(label),
                    'pictures': pictures,
                    **self._reported(self.class_figures(counts, pictures, whole)),
                }
                for label, (pictures, counts) in sorted(totals.items())
            ]
        return tables


def _height_and_width(size: Any) -> tuple[int, int]:
    sides = (size, size) if is_single(size) else size
    try:
        height, width = (whole_number('view_size', side, 1) for side in sides)
    except ValueError:
        raise ValueError(
            'view_size must be one whole number or (height, width), each of at least 1, '
            f'got {size!r}'
        ) from None
    return height, width


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Errors inside name the picture."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f'{name}: {error}') from error


def _sum(
    before: tuple[int, np.ndarray] | None, own: tuple[int, np.ndarray]
) -> tuple[int, np.ndarray]:
    """Two numbers of pictures and their counts, added up."""
    return own if before is None else (before[0] + own[0], before[1] + own[1])


def picture_name(about: Any) -> str | None:
    """What metrics call a picture: its id, or its path, which data sets of other packages give.

    Args:
        about (Any): A data sample, or what a data set says of a picture.
    """
    for key in ('image_id', 'img_path'):
        if about.get(key) is not None:
            return str(about.get(key))
    return None


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
