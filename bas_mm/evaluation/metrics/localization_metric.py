"""Protocol A as a metric of mmengine's evaluator."""

import logging
from collections import Counter
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from bas_mm.registry import METRICS

from ..functional import (
    box_iou,
    choose_threshold,
    class_ranks,
    protocol_a_boxes,
    protocol_a_counts,
)
from ..result_files import write_json, write_table

# Figures that depend on θ and are reported for every θ of a list.
_PER_THRESHOLD = ('top1_loc', 'top5_loc', 'gt_known')


class _Record(NamedTuple):
    """All that is kept of a picture: a few numbers, whatever the size of its map."""

    image_id: str
    label: int
    rank: int  # of the true class, 0 for the first
    constant: bool  # the map has one value only
    ious: np.ndarray  # (T,) float64, best over the true boxes
    boxes: np.ndarray  # (T, 4) int32, predicted


@METRICS.register_module()
class LocalizationMetric(BaseMetric):
    """Top-1 Loc, Top-5 Loc and GT-Known at fixed thresholds (Protocol A, spec metrics.md).

    Reports in percent, under the prefix ``localization/``: ``top1_loc``, ``top5_loc``,
    ``gt_known``, ``top1_cls``, ``top5_cls``, ``iou_30``, ``iou_50``, ``iou_70`` (share of
    pictures with at least that IoU) and ``mean_iou_acc`` (mean of these three); and
    ``threshold``, the θ they belong to. With several θ there are ``top1_loc@0.25``,
    ``top5_loc@0.25`` and ``gt_known@0.25`` for each, and the plain names belong to the best by
    Top-1 Loc + GT-Known, the smaller θ on a tie. A threshold must be chosen on ``val`` and then
    given as one number for ``test``.

    Each data sample must hold ``pred_map`` (h, w), ``pred_score`` (C,), ``gt_label`` (one class)
    and ``gt_bboxes`` (n, 4) in pixels of the view, n >= 1, corners inclusive. Per picture a few
    numbers are kept, and they alone travel between processes; the figures are the same on any
    number of processes, whatever the sampler padded.

    Args:
        thresholds (float | Sequence[float]): θ, each in [0, 1). Defaults to 0.1.
        view_size (tuple[int, int], optional): Height and width of the view. Defaults to None:
            each data sample's ``img_shape``.
        result_file (str, optional): Where the main process writes one line per picture: a
            ``.csv`` table or a ``.json`` with the figures too. Defaults to None: nowhere.
        collect_device (str): ``'gpu'`` gathers through the process group, in memory, also where
            that is gloo on CPUs; ``'cpu'`` through files in a shared folder. Defaults to 'gpu'.
        prefix (str, optional): In place of ``localization``.
        collect_dir (str, optional): The shared folder for ``collect_device='cpu'``.

    Raises:
        ValueError: On a map with NaN or infinity or not of the shape (h, w), a picture without a
            true box or with not exactly one label, NaN scores, or two pictures of one id; the
            message names the picture. A constant map is no error: it predicts the whole picture
            and is named in one warning.

    Examples:
        >>> import torch
        >>> metric = LocalizationMetric(thresholds=0.5)
        >>> pred_map = torch.zeros(28, 28)
        >>> pred_map[7:14, 7:14] = 1
        >>> metric.process({}, [dict(
        ...     image_id='a.jpg', img_shape=(224, 224), pred_map=pred_map,
        ...     pred_score=torch.tensor([0.9, 0.1]), gt_label=torch.tensor([0]),
        ...     gt_bboxes=torch.tensor([[56, 56, 111, 111]]))])
        >>> metric.evaluate(1)['localization/gt_known']
        100.0
    """

    default_prefix = 'localization'

    def __init__(
        self,
        thresholds: float | Sequence[float] = 0.1,
        view_size: tuple[int, int] | None = None,
        result_file: str | None = None,
        collect_device: str = 'gpu',
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix, collect_dir=collect_dir)
        values = [thresholds] if isinstance(thresholds, Real) else list(thresholds)
        self.thresholds = tuple(float(theta) for theta in values)
        if not self.thresholds:
            raise ValueError('thresholds is empty')
        for theta in self.thresholds:
            if not 0 <= theta < 1:  # maps are normalised; NaN fails here too
                raise ValueError(f'thresholds must lie in [0, 1), got {theta}')
        if len(set(self.thresholds)) < len(self.thresholds):
            raise ValueError(f'thresholds holds a value twice: {self.thresholds}')
        if view_size is not None and (len(view_size) != 2 or min(view_size) < 1):
            raise ValueError(f'view_size must be (height, width), got {view_size}')
        self.view_size = None if view_size is None else (int(view_size[0]), int(view_size[1]))
        if result_file is not None and Path(result_file).suffix not in ('.csv', '.json'):
            raise ValueError(f'result_file must end in .csv or .json, got {result_file}')
        self.result_file = result_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Reduce a batch of predictions to its records.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): Predictions with their ground truth.
        """
        names = [self._name(sample, i) for i, sample in enumerate(data_samples)]
        maps = _to_arrays([self._get(s, 'pred_map', n) for s, n in zip(data_samples, names)])
        scores = _to_arrays([self._get(s, 'pred_score', n) for s, n in zip(data_samples, names)])
        for sample, name, pred_map, score in zip(data_samples, names, maps, scores):
            try:
                record = self._record(sample, name, pred_map, score)
            except ValueError as error:
                raise ValueError(f'{name}: {error}') from error
            self.results.append(record)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Figures of the whole set, on the main process.

        Args:
            results (list): One record per picture, in the order of the data set.

        Returns:
            dict[str, float]: See the class.
        """
        if not results:
            raise ValueError('no picture was evaluated')
        results = [_Record(*record) for record in results]
        self._check_ids(results)
        self._warn_constant(results)
        counts = protocol_a_counts(
            np.stack([record.ious for record in results]),
            np.array([record.rank for record in results]),
        )
        percent = {name: count / len(results) * 100 for name, count in counts.items()}
        best = choose_threshold(self.thresholds, counts['top1_loc'], counts['gt_known'])
        metrics = {name: float(values[best]) for name, values in percent.items()}
        metrics['mean_iou_acc'] = (metrics['iou_30'] + metrics['iou_50'] + metrics['iou_70']) / 3
        metrics['threshold'] = self.thresholds[best]
        if len(self.thresholds) > 1:
            for t, theta in enumerate(self.thresholds):
                metrics.update(
                    {f'{name}@{theta:.10g}': float(percent[name][t]) for name in _PER_THRESHOLD}
                )
        if self.result_file is not None:
            self._write(results, metrics)
        return metrics

    def _record(self, sample: dict, name: str, pred_map: np.ndarray, score: np.ndarray) -> _Record:
        if pred_map.ndim != 2:
            raise ValueError(f'pred_map must have the shape (h, w), got {pred_map.shape}')
        if self.view_size is None:
            height, width = (int(side) for side in self._get(sample, 'img_shape', name)[:2])
        else:
            height, width = self.view_size
        gt_boxes = _to_array(self._get(sample, 'gt_bboxes', name)).reshape(-1, 4)
        if not len(gt_boxes):
            raise ValueError('there is no ground-truth box')
        label = _to_array(self._get(sample, 'gt_label', name)).reshape(-1)
        if label.size != 1:
            raise ValueError(f'exactly one gt_label is needed, got {label.tolist()}')
        boxes = protocol_a_boxes(pred_map, self.thresholds, (height, width))
        return _Record(
            image_id=name,
            label=int(label[0]),
            rank=int(class_ranks(score.reshape(1, -1), label)[0]),
            constant=bool(pred_map.min() == pred_map.max()),
            ious=box_iou(boxes, gt_boxes).max(axis=1),
            boxes=boxes.astype(np.int32),
        )

    def _name(self, sample: dict, index: int) -> str:
        for key in ('image_id', 'img_path'):
            if sample.get(key) is not None:
                return str(sample[key])
        return f'picture {index} of a batch, without an image_id'

    @staticmethod
    def _get(sample: dict, key: str, name: str) -> Any:
        value = sample.get(key)
        if value is None:
            raise ValueError(f'{name}: the data sample has no {key}')
        return value

    @staticmethod
    def _check_ids(results: Sequence[_Record]) -> None:
        twice = [
            name
            for name, count in Counter(record.image_id for record in results).items()
            if count > 1 and 'without an image_id' not in name
        ]
        if twice:
            raise ValueError(
                f'{len(twice)} image ids were evaluated more than once: {", ".join(twice[:5])}'
            )

    @staticmethod
    def _warn_constant(results: Sequence[_Record]) -> None:
        constant = [record.image_id for record in results if record.constant]
        if constant:
            more = ', ...' if len(constant) > 5 else ''
            print_log(
                f'{len(constant)} of {len(results)} localization maps are constant (the whole '
                f'picture is predicted): {", ".join(constant[:5])}{more}',
                logger='current',
                level=logging.WARNING,
            )

    def _write(self, results: Sequence[_Record], metrics: dict[str, float]) -> None:
        classes = (self.dataset_meta or {}).get('classes')
        rows = []
        for record in results:
            row: dict[str, Any] = {'image_id': record.image_id, 'label': record.label}
            if classes is not None:
                row['class'] = str(classes[record.label])
            row['rank'] = record.rank
            for theta, iou, box in zip(self.thresholds, record.ious, record.boxes):
                suffix = f'@{theta:.10g}' if len(self.thresholds) > 1 else ''
                row[f'iou{suffix}'] = float(iou)
                row.update({f'{k}{suffix}': int(v) for k, v in zip(('x0', 'y0', 'x1', 'y1'), box)})
            rows.append(row)
        if Path(self.result_file).suffix == '.csv':
            write_table(self.result_file, rows)
        else:
            write_json(self.result_file, {'metrics': metrics, 'images': rows})


def _to_array(value: Any) -> np.ndarray:
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
        return _to_array(torch.stack(list(values)))
    return [_to_array(value) for value in values]
