"""Metrics whose figures come from counts that are summed on the way."""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
from mmengine.dist import get_rank, get_world_size

from ..functional import protocol_b_map
from .base_map_metric import BaseMapMetric

__all__ = ['CountingMapMetric']


class _Record(NamedTuple):
    """All that is kept of a picture."""

    image_id: str
    label: int  # -1 where there is none
    constant: bool  # the map has one value only
    values: tuple  # its columns in the result file
    totals: dict | None = None  # of a whole process; in its first record


class CountingMapMetric(BaseMapMetric):
    """A metric of maps at the view whose figures come from sums of integers. Not registered.

    Each picture gives an array of counts, always of the same shape. A process adds them up, so
    that its memory holds a name and a few numbers per picture, and no more is gathered. Sums of
    integers do not depend on their order: the figures are the same on any number of processes.

    Maps are resized and normalised as in Protocol B (:func:`protocol_b_map`).

    Args:
        normalize (bool): Whether maps are resized to the view and min-max normalised. If False,
            they must be there already: of the size of the view and in [0, 1]. Defaults to True.
        num_workers (int): Processes that do the work while the network goes on; 0 does it in
            this one. Worth it where the network runs on a GPU. Each needs some seconds to start.
            Defaults to 0.
        check_view (bool): Whether a picture whose view is a crop or mirrored (``whole_view`` is
            False) is an error: the ground truth is that of the whole picture. Defaults to True.
        **kwargs: Arguments of :class:`BaseMapMetric`.
    """

    record_type = _Record

    #: ``counter(view, truth)``, a function of a module: counts of one picture, and its values.
    counter: ClassVar[Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, tuple]]]

    #: Columns of the values in the result file.
    columns: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        normalize: bool = True,
        num_workers: int = 0,
        check_view: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_workers < 0:
            raise ValueError(f'num_workers must be 0 or more, got {num_workers}')
        self.normalize = bool(normalize)
        self.num_workers = int(num_workers)
        self.check_view = bool(check_view)
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[Future] = deque()
        self._reset()

    @abstractmethod
    def truth_of(self, sample: Mapping[str, Any]) -> np.ndarray:
        """Ground truth of one picture, as :attr:`counter` takes it."""

    @abstractmethod
    def figures(self, counts: np.ndarray, pictures: int) -> tuple[dict[str, float], Any]:
        """Figures from summed counts, and what of them the figures of a class depend on."""

    @abstractmethod
    def class_figures(self, counts: np.ndarray, pictures: int, whole: Any) -> dict[str, float]:
        """Figures of one class; ``whole`` is the second value of :meth:`figures`."""

    def tables(self, whole: Any) -> dict[str, list[dict]]:
        """Further tables of the result file; ``whole`` as in :meth:`class_figures`."""
        return {}

    def measure(self, sample: Mapping[str, Any], name: str, pred_map: np.ndarray) -> Any:
        """Counts and record of one picture, or the promise of them."""
        if self.check_view and sample.get('whole_view') is False:
            raise ValueError(
                'the view is a crop or mirrored, but the ground truth is that of the whole '
                'picture: resize to the view without LocCenterCrop or LocTenCrop in the test '
                'pipeline, or set check_view=False'
            )
        label = -1
        if self.per_class or sample.get('gt_label') is not None:
            label = self.label_of(sample)
        arguments = (
            type(self).counter,
            name,
            label,
            pred_map,
            self.truth_of(sample),
            self.view_of(sample),
            self.normalize,
        )
        if not self.num_workers:
            return _measure(*arguments)
        if self._pool is None:
            # Not forked: this process has threads, and perhaps a GPU.
            self._pool = ProcessPoolExecutor(
                self.num_workers, get_context('spawn'), cv2.setNumThreads, (1,)
            )
        return self._pool.submit(_measure_named, *arguments)

    def keep(self, record: Any) -> None:
        """Add up counts and keep the record, in the order of the pictures."""
        if isinstance(record, Future):
            self._waiting.append(record)
            # Maps wait in memory: so many that no worker idles, and no more.
            while len(self._waiting) > 16 * self.num_workers:
                self._add(*self._waiting.popleft().result())
        else:
            self._add(*record)

    def evaluate(self, size: int) -> dict[str, float]:
        """Gather what all processes have, and compute the figures.

        Args:
            size (int): Number of pictures of the whole set.
        """
        while self._waiting:
            self._add(*self._waiting.popleft().result())
        # The samplers deal pictures out in turn and pad the last round from the beginning: at
        # most the last picture of a process is one too many. mmengine drops its record.
        if self.results and (len(self.results) - 1) * get_world_size() + get_rank() < size:
            self._sum(*self._last)
        if self.results:
            # The sums travel with the first record, which is dropped only where all of the
            # process's pictures are padding.
            self.results[0] = self.results[0]._replace(totals=self._totals)
        self._reset()
        return super().evaluate(size)

    def summarize(self, records: list) -> tuple[dict[str, float], dict[str, list[dict]]]:
        """Figures from the sums of all processes."""
        totals: dict[int, tuple[int, np.ndarray]] = {}
        for record in records:
            for label, (pictures, counts) in (record.totals or {}).items():
                before = totals.get(label, (0, 0))
                totals[label] = (before[0] + pictures, before[1] + counts)
        pictures = sum(item[0] for item in totals.values())
        if pictures != len(records):
            raise ValueError(
                f'the processes counted {pictures} pictures, {len(records)} were gathered: the '
                "sampler does not deal them out in turn, as mmengine's DefaultSampler does"
            )
        metrics, whole = self.figures(sum(item[1] for item in totals.values()), pictures)
        if self.result_file is None:
            return metrics, {}
        tables = {'images': [self._row(record) for record in records], **self.tables(whole)}
        if self.per_class:
            tables['per_class'] = [
                {
                    **self.class_columns(label),
                    'pictures': totals[label][0],
                    **self.class_figures(totals[label][1], totals[label][0], whole),
                }
                for label in sorted(totals)
            ]
        return metrics, tables

    def _add(self, record: _Record, counts: np.ndarray) -> None:
        if self.results:
            self._sum(*self._last)
        self._last = (record.label if self.per_class else -1, counts)
        self.results.append(record)

    def _sum(self, label: int, counts: np.ndarray) -> None:
        pictures, before = self._totals.get(label, (0, 0))
        self._totals[label] = (pictures + 1, before + counts)

    def _reset(self) -> None:
        self._totals: dict[int, tuple[int, np.ndarray]] = {}
        self._last: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))

    def _row(self, record: _Record) -> dict[str, Any]:
        row = {'image_id': record.image_id, **self.class_columns(record.label)}
        return {**row, **dict(zip(self.columns, record.values))}


def _measure(
    counter: Callable,
    name: str,
    label: int,
    pred_map: np.ndarray,
    truth: np.ndarray,
    view_size: tuple[int, int],
    normalize: bool,
) -> tuple[_Record, np.ndarray]:
    view, constant = protocol_b_map(pred_map, view_size, normalize)
    counts, values = counter(view, truth)
    return _Record(name, label, constant, values), counts


def _measure_named(counter: Callable, name: str, *arguments: Any) -> tuple[_Record, np.ndarray]:
    try:
        return _measure(counter, name, *arguments)
    except ValueError as error:
        raise ValueError(f'{name}: {error}') from error
