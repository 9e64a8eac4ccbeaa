"""Train, choose θ on ``val``, report on ``test``: the order in which nobody tunes on ``test``."""

import os
import time
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from bas_mm.evaluation.functional import choose_threshold
from bas_mm.registry import DATASETS
from bas_mm.utils.config_checkpoint import use_checkpoint
from bas_mm.utils.config_metrics import localization_metrics
from bas_mm.utils.config_model import scope_of
from bas_mm.utils.last_checkpoint import find_last_checkpoint
from bas_mm.utils.markdown_table import markdown_table

# Figures of a table of results: name in the metric -> head of the column.
COLUMNS = {
    'top1_loc': 'Top-1 Loc',
    'top5_loc': 'Top-5 Loc',
    'gt_known': 'GT-Known',
    'iou_30': 'IoU 0.3',
    'iou_50': 'IoU 0.5',
    'iou_70': 'IoU 0.7',
    'top1_cls': 'Top-1 Cls',
}


@dataclass
class LocalizationResult:
    """What one method reached.

    Attributes:
        name (str): name of the method in tables.
        cfg (Config): its config, with the chosen θ in ``model.test_cfg`` and ``test_evaluator``.
        checkpoint (str): the trained weights.
        threshold (float): θ, chosen on ``val``.
        val (dict[str, float]): figures on ``val``, percent, without the metric's prefix.
        test (dict[str, float]): figures on ``test`` at θ, likewise.
        seconds (float): time of training alone.
    """

    name: str
    cfg: Config
    checkpoint: str
    threshold: float
    val: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def _plain(figures: dict) -> dict[str, float]:
    # A prefix may have a / itself.
    return {name.rpartition('/')[2]: value for name, value in figures.items()}


def new_runner(cfg: Config, name: str) -> Runner:
    """A runner of a config, which is not changed, beside others of this process.

    Args:
        cfg (Config): config of the run.
        name (str): begins the name of its logger.
    """
    cfg = deepcopy(cfg)
    # Runners of one process that share a name would share their loggers and their records.
    cfg.experiment_name = f'{name}_{time.time_ns()}'
    return Runner.from_cfg(cfg)


def _best_threshold(
    val: dict[str, float], choose_by: Sequence[str], evaluator: dict | list[dict]
) -> float:
    """θ with the highest sum of some figures, the smallest one on a tie, as the config has it."""
    # Names of figures have ten digits of it.
    thresholds = [
        theta
        for metric in localization_metrics(evaluator)
        for theta in np.atleast_1d(metric.get('thresholds', ())).tolist()
        if f'gt_known@{theta:.10g}' in val
    ]
    if not thresholds:
        return val['threshold']  # there was one θ only
    sums = [_sum(val[f'{name}@{theta:.10g}'] for name in choose_by) for theta in thresholds]
    return thresholds[choose_threshold(thresholds, sums, 0)]


def _sum(percentages: Iterable[float]) -> float:
    """A sum that is equal where the counts are: of percentages the last digits are of rounding."""
    return round(sum(percentages), 8)


def set_thresholds(evaluator: dict | list[dict], thresholds: float | Sequence[float]) -> None:
    """Give the thresholds of Protocol A to an evaluator's config, in place.

    Args:
        evaluator (dict | list[dict]): config of one metric or of several.
        thresholds (float | Sequence[float]): θ.

    Raises:
        ValueError: there is no LocalizationMetric among them.
    """
    found = localization_metrics(evaluator)
    if not found:
        raise ValueError('the evaluator has no LocalizationMetric, which alone has thresholds')
    for metric in found:
        metric['thresholds'] = thresholds


def require_own_val(cfg: Config) -> None:
    """Refuse a config whose ``val`` is its ``test``: a choice made there would be tuned on test.

    Args:
        cfg (Config): with ``val_dataloader`` and ``test_dataloader``.

    Raises:
        ValueError: both read the same pictures, or some of them.
    """
    if cfg.get('val_dataloader') is None:
        raise ValueError('there is no val_dataloader to choose on')
    if cfg.get('test_dataloader') is None:
        raise ValueError('there is no test_dataloader to report figures of')
    own = _picture_files(cfg, 'val_dataloader')
    shared = own & _picture_files(cfg, 'test_dataloader')
    if shared:
        which = 'the same pictures'
        if shared != own:
            which = f'{len(shared)} of the same pictures, such as {min(shared)}'
        raise ValueError(
            f'val_dataloader and test_dataloader read {which}: what is chosen there would be tuned '
            'on test. Give val_dataloader.dataset a split of its own.'
        )


def _picture_files(cfg: Config, loader: str) -> set[str]:
    """The files of a loader's pictures, whatever they are called in the config."""
    with DefaultScope.overwrite_default_scope(scope_of(cfg)):
        dataset = DATASETS.build(cfg[loader].dataset)
    folders: dict[str, str] = {}
    files = set()
    if not hasattr(dataset, 'get_data_info'):  # none of mmengine's
        return files
    for index in range(len(dataset)):
        path = dataset.get_data_info(index).get('img_path')
        if path is None:  # pictures that are in no file of their own
            continue
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        files.add(os.path.join(folders[folder], name))
    return files


def choose_threshold_and_test(
    cfg: Config, checkpoint: str, name: str, choose_by: Sequence[str] = ('top1_loc', 'gt_known')
) -> LocalizationResult:
    """Test a checkpoint at the θ that is best on ``val``.

    Args:
        cfg (Config): a config whose ``val_evaluator`` has the list of θ to choose from.
        checkpoint (str): the weights.
        name (str): name of the method.
        choose_by (Sequence[str]): the figures whose sum θ is chosen by, among ``top1_loc``,
            ``top5_loc`` and ``gt_known``. Default: Protocol A's, Top-1 Loc + GT-Known.

    Returns:
        LocalizationResult: with ``seconds`` 0.
    """
    val, threshold = _validate(cfg, checkpoint, name, choose_by)
    return _test(cfg, checkpoint, name, threshold, val)


def _validate(
    cfg: Config, checkpoint: str, name: str, choose_by: Sequence[str]
) -> tuple[dict[str, float], float]:
    """Figures on ``val``, and the best θ."""
    cfg = deepcopy(cfg)
    use_checkpoint(cfg, checkpoint)
    runner = new_runner(cfg, f'{name}_val')
    val = _plain(runner.val())
    return val, _best_threshold(val, choose_by, cfg.val_evaluator)


def _test(
    cfg: Config, checkpoint: str, name: str, threshold: float, val: dict[str, float]
) -> LocalizationResult:
    """Figures on ``test`` at one θ."""
    cfg = deepcopy(cfg)
    use_checkpoint(cfg, checkpoint)
    cfg.model.setdefault('test_cfg', {})['threshold'] = threshold
    set_thresholds(cfg.test_evaluator, threshold)
    test = _plain(new_runner(cfg, f'{name}_test').test())
    return LocalizationResult(name, cfg, checkpoint, threshold, val, test)


def choose_checkpoint_and_test(
    cfg: Config,
    checkpoints: Sequence[str],
    name: str,
    choose_by: Sequence[str] = ('top1_loc', 'gt_known'),
) -> LocalizationResult:
    """Choose a checkpoint and its θ on ``val``, and test that pair alone.

    Args:
        cfg (Config): see :func:`choose_threshold_and_test`.
        checkpoints (Sequence[str]): the candidates, at least one; the first on a tie.
        name (str): name of the method.
        choose_by (Sequence[str]): the figures whose sum decides.

    Returns:
        LocalizationResult: with ``seconds`` 0.

    Raises:
        ValueError: ``val`` and ``test`` are the same pictures.
    """
    require_own_val(cfg)
    best = None
    for checkpoint in checkpoints:
        val, threshold = _validate(cfg, checkpoint, name, choose_by)
        # With one θ only, there are no figures per θ.
        keys = [f'{figure}@{threshold:.10g}' for figure in choose_by]
        reached = _sum(val.get(key, val[key.partition('@')[0]]) for key in keys)
        if best is None or reached > best[0]:
            best = (reached, checkpoint, val, threshold)
    return _test(cfg, best[1], name, best[3], best[2])


def train_and_test(
    cfg: Config, name: str, choose_by: Sequence[str] = ('top1_loc', 'gt_known')
) -> LocalizationResult:
    """Train a config from its start, then :func:`choose_threshold_and_test` on the last weights.

    Args:
        cfg (Config): the config; ``work_dir`` must be set.
        name (str): name of the method.
        choose_by (Sequence[str]): see :func:`choose_threshold_and_test`.

    Returns:
        LocalizationResult: the figures.
    """
    start = time.perf_counter()
    runner = new_runner(cfg, f'{name}_train')
    runner.train()
    seconds = time.perf_counter() - start
    checkpoint = find_last_checkpoint(runner.work_dir)
    result = choose_threshold_and_test(cfg, checkpoint, name, choose_by)
    result.seconds = seconds
    return result


def results_table(results: list[LocalizationResult]) -> str:
    """A Markdown table: one line per method, percent, and the θ that was chosen on ``val``.

    Args:
        results (list[LocalizationResult]): the methods, in the order of the lines.

    Returns:
        str: the table, without a line break at its end.
    """
    rows = [['', *COLUMNS.values(), 'θ']]
    for result in results:
        figures = [f'{result.test[column]:.1f}' for column in COLUMNS]
        rows.append([result.name, *figures, f'{result.threshold:g}'])
    return markdown_table(rows)
