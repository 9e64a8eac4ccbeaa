"""From configs and checkpoints to a report: tests them, chooses pictures, draws these."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from torch.utils.data import Dataset

from bas_mm.evaluation.functional import PROTOCOL_A_THRESHOLDS, figure_at, protocol_b_map
from bas_mm.evaluation.metrics.base_map_metric import picture_name
from bas_mm.registry import DATASETS, METRICS
from bas_mm.utils.config_checkpoint import use_checkpoint
from bas_mm.utils.config_metrics import DEFAULT_THRESHOLD, localization_metrics
from bas_mm.utils.config_model import scope_of
from bas_mm.utils.config_types import type_name
from bas_mm.utils.result_files import write_text
from bas_mm.visualization.functional import input_view, last_inside
from bas_mm.visualization.report import (
    PicturePanel,
    ReportPicture,
    ReportRun,
    check_runs,
    choose_pictures,
    report_page,
)

from .checkpoints import load_model
from .localization_protocol import new_runner

__all__ = ['FinishedRun', 'require_comparable_runs', 'run_for_report', 'write_report']


@dataclass
class FinishedRun:
    """A run that was tested, and what draws its pictures.

    Attributes:
        result (ReportRun): Its results.
        model (torch.nn.Module): The network with its weights, in eval mode.
        dataset (Dataset): The test pictures.
    """

    result: ReportRun
    model: torch.nn.Module
    dataset: Dataset


def require_comparable_runs(
    runs: Sequence[tuple[str, Config, str | Path]],
    around: Callable[[int], AbstractContextManager] = nullcontext,
) -> None:
    """Refuse runs that no report can be made of, before anything is tested.

    Args:
        runs (Sequence[tuple[str, Config, str | Path]]): Name, config and checkpoint of each.
        around (Callable): From a run's place to what is entered for that which is looked at of
            this run alone. Defaults to nothing.

    Raises:
        ValueError: The runs cannot stand side by side; see
            :func:`~bas_mm.visualization.report.check_runs`. There is neither a box nor a mask to
            test on. Or a checkpoint cannot be read or lacks weights of its model.
    """
    known = []
    for place, (name, cfg, _) in enumerate(runs):
        with around(place):
            known.append(_run_to_come(name, cfg))
    check_runs(known)
    for place, (_, cfg, checkpoint) in enumerate(runs):
        with around(place):
            load_model(cfg, checkpoint)


def _run_to_come(name: str, cfg: Config) -> ReportRun:
    """What is known of a run before it is tested: its lists are read, and its first picture."""
    init_default_scope(scope_of(cfg))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    return ReportRun(
        name=name,
        config='',
        checkpoint='',
        classes=[str(c) for c in dataset.metainfo['classes']],
        image_ids=[picture_name(dataset.get_data_info(i)) for i in range(len(dataset))],
        labels=np.zeros(0, dtype=np.int64),
        ious=np.zeros(0),
        figures={},
        pixels='fixed' not in _metrics(cfg, dataset, Path(), name),
    )


def run_for_report(name: str, cfg: Config, checkpoint: str | Path, config: str) -> FinishedRun:
    """Test a checkpoint by all measures that its test pictures have a ground truth for.

    Boxes: Protocol A at the config's θ (that of its ``LocalizationMetric``, else
    ``model.test_cfg.threshold``, else the best of 19 on these pictures) and MaxBoxAcc,
    MaxBoxAccV2; where the pipeline crops, BoxAcc in the crop in their place. Masks: PxAP and
    pIoU. The result files stay in ``cfg.work_dir``. Nothing grows with the number of pictures but
    a line for each.

    Args:
        name (str): Name of the method.
        cfg (Config): Config with a ``test_dataloader``; not changed.
        checkpoint (str | Path): The weights; keys that the model has and the file lacks are an
            error.
        config (str): The config's name in the report.

    Returns:
        FinishedRun: Results and network.

    Raises:
        ValueError: There is neither a box nor a mask to test on, or a picture is at fault.
    """
    cfg = deepcopy(cfg)
    use_checkpoint(cfg, checkpoint)
    # Row k of the results must be picture k of the data set, which is what is drawn.
    cfg.test_dataloader.sampler = dict(type='DefaultSampler', shuffle=False)
    runner = new_runner(cfg, f'{name}_report')
    loop = runner.test_loop
    dataset = loop.dataloader.dataset
    metrics = _metrics(cfg, dataset, Path(cfg.work_dir), name)
    loop.evaluator = Evaluator([METRICS.build(metric) for metric in metrics.values()])
    loop.evaluator.dataset_meta = dataset.metainfo
    runner.test()
    tables = {
        kind: json.loads(Path(metric['result_file']).read_text(encoding='utf-8'))
        for kind, metric in metrics.items()
    }
    thresholds = metrics['fixed']['thresholds'] if 'fixed' in metrics else []
    result = ReportRun(
        name=name,
        config=config,
        checkpoint=os.fspath(checkpoint),
        classes=[str(c) for c in dataset.metainfo['classes']],
        cropped=type_name(metrics.get('boxes')) == 'ViewBoxAcc',
        candidates=len(np.atleast_1d(thresholds)),
        pixels='fixed' not in metrics,
        **_results(tables),
    )
    return FinishedRun(result, runner.model.eval(), dataset)


def _metrics(cfg: Config, dataset: Dataset, folder: Path, name: str) -> dict[str, dict]:
    """Configs of the metrics that fit the ground truth of the first picture."""
    sample = dataset[0]['data_samples']
    metrics = {}
    if len(sample.get('gt_bboxes', ())):
        metrics['fixed'] = dict(type='bas_mm.LocalizationMetric', thresholds=_thresholds(cfg))
        whole = sample.get('whole_view') is not False
        kind = 'bas_mm.MaxBoxAccV2' if whole else 'bas_mm.ViewBoxAcc'
        metrics['boxes'] = dict(type=kind, with_max_box_acc=True, curve=True)
    if 'gt_mask' in sample:
        metrics['pixels'] = dict(type='bas_mm.PxAP', curve=True)
    if not metrics and sample.get('view_lost'):
        raise ValueError(
            f'{name}: the test pipeline has a transform that changes the size of pictures without '
            'saying where the view lies: take LocResize, LocCenterCrop and the like'
        )
    if not metrics:
        raise ValueError(
            f'{name}: the test pictures have no boxes, and no masks were loaded (LoadLocMask in '
            'the test pipeline): there is nothing to report'
        )
    for kind, metric in metrics.items():
        metric.update(per_class=True, result_file=str(folder / f'report_{kind}.json'))
    return metrics


def _thresholds(cfg: Config) -> float | list[float]:
    """θ of the report: what a test of the config would report, before θ of the model's boxes.

    The other way round than :func:`~bas_mm.utils.config_metrics.threshold_of`, whose boxes are
    those that the model gives; here figures are compared, which may be of several θ.
    """
    for metric in localization_metrics(cfg.get('test_evaluator')):
        return metric.get('thresholds', DEFAULT_THRESHOLD)
    threshold = cfg.model.get('test_cfg', {}).get('threshold')
    return list(PROTOCOL_A_THRESHOLDS) if threshold is None else threshold


def _columns(rows: Sequence[dict]) -> dict[str, np.ndarray]:
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def _results(tables: dict[str, dict]) -> dict:
    """Attributes of :class:`ReportRun` from the metrics' result files."""
    figures, per_class = {}, {}
    for table in tables.values():
        figures.update(table['metrics'])
        for row in table['per_class']:
            per_class.setdefault(row['label'], {}).update(row)
    rows = next(iter(tables.values()))['images']
    found = dict(
        figures=figures,
        per_class=per_class,
        image_ids=[row['image_id'] for row in rows],
        labels=np.array([row['label'] for row in rows], dtype=np.int64),
    )
    if 'fixed' in tables:
        names = ['iou', 'x0', 'y0', 'x1', 'y1']
        if 'iou' not in rows[0]:  # with several θ each has columns of its own
            names = [figure_at(name, figures['threshold']) for name in names]
        iou, *corners = names
        found['ious'] = np.array([row[iou] for row in rows], dtype=np.float64)
        found['boxes'] = np.array([[row[c] for c in corners] for row in rows], dtype=np.int64)
        found['box_curve'] = _columns(tables['boxes']['curve'])
    else:
        values = [row['best_iou'] for row in rows]
        found['ious'] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    if 'pixels' in tables:
        found['pixel_curve'] = _columns(tables['pixels']['curve'])
    return found


def write_report(
    runs: Sequence[FinishedRun], file: str | Path, count: int = 12, per_class: int = 1
) -> int:
    """Choose pictures, draw them with every network, write the page.

    Args:
        runs (Sequence[FinishedRun]): Methods on the same pictures, the baseline first.
        file (str | Path): The HTML file, written atomically.
        count (int): Pictures of each kind; see :func:`~bas_mm.visualization.report
            .choose_pictures`.
        per_class (int): Best and worst pictures of each class.

    Returns:
        int: How many pictures were drawn.

    Raises:
        ValueError: The runs cannot stand side by side; see
            :func:`~bas_mm.visualization.report.check_runs`. Or results are not in the order of
            the data set.
    """
    results = [run.result for run in runs]
    check_runs(results)
    ious = np.stack([result.ious for result in results])
    chosen = choose_pictures(ious, results[0].labels, count, per_class)
    pictures = [
        ReportPicture(
            image_id=results[0].image_ids[index],
            label=int(results[0].labels[index]),
            kinds=kinds,
            panels=[_panel(run, index) for run in runs],
        )
        for index, kinds in chosen.items()
    ]
    write_text(file, report_page(results, pictures))
    return len(pictures)


@torch.no_grad()
def _panel(run: FinishedRun, index: int) -> PicturePanel:
    item = run.dataset[index]
    sample, result = item['data_samples'], run.result
    if picture_name(sample) != result.image_ids[index]:
        raise ValueError(
            f'{result.name}: result {index} is that of {result.image_ids[index]}, but picture '
            f'{index} of the data set is {picture_name(sample)}: test in the order of the data set'
        )
    (prediction,) = run.model.test_step(pseudo_collate([item]))
    view = input_view(item['inputs'].numpy())
    localization_map = prediction.pred_map.cpu().numpy()
    mask = true_mask = None
    if result.pixels:
        true_mask = sample.gt_mask.numpy() == 1
        at_view, _ = protocol_b_map(localization_map, view.shape[:2])
        mask = at_view >= result.figures['piou_threshold']
    return PicturePanel(
        view=view,
        localization_map=localization_map,
        iou=float(result.ious[index]),
        boxes=np.zeros((0, 4)) if result.pixels else last_inside(result.boxes[[index]]),
        true_boxes=np.zeros((0, 4)) if result.pixels else sample.gt_bboxes.numpy(),
        mask=mask,
        true_mask=true_mask,
        predicted_class=int(prediction.pred_label),
        score=float(prediction.pred_score.max()),
    )
