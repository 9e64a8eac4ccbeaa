"""Train, choose on ``val``, report on ``test``: the order in which nobody tunes on ``test``."""

import os
import time
from collections.abc import Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import Dataset

from bas_mm.engine.hooks import ClassCountHook, EmptyLoaderHook
from bas_mm.evaluation.functional import choose_threshold, figure_at
from bas_mm.evaluation.metrics import LocalizationMetric
from bas_mm.evaluation.metrics.base_map_metric import picture_name
from bas_mm.registry import DATASETS
from bas_mm.utils.arguments import is_path
from bas_mm.utils.config_checkpoint import use_checkpoint
from bas_mm.utils.config_metrics import CHOICE_FIGURES, choice_figures, localization_metrics
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
# Figures of other metrics than Protocol A's, likewise.
_FURTHER_COLUMNS = {
    'max_box_acc': 'MaxBoxAcc',
    'max_box_acc_v2': 'MaxBoxAccV2',
    'pxap': 'PxAP',
    'piou': 'pIoU',
}
# The splits that θ is chosen on, and that figures are reported of.
_REPORTED = ('val', 'test')
# The figures whose sum θ is chosen by, and those it could be chosen by.
_PROTOCOL_A_CHOICE = ('top1_loc', 'gt_known')
_THRESHOLD_FIGURES = [
    figure for figure, metric in CHOICE_FIGURES.items() if metric == 'LocalizationMetric'
]


@dataclass
class LocalizationResult:
    """What one method reached.

    Attributes:
        name (str): name of the method in tables.
        cfg (Config): its config, with the chosen θ in ``model.test_cfg`` and ``test_evaluator``.
        checkpoint (str | Path): the trained weights.
        threshold (float | None): θ, chosen on ``val``; None where no metric has one.
        val (dict[str, float]): figures on ``val``, percent, without the metric's prefix.
        test (dict[str, float]): figures on ``test`` at θ, likewise.
        seconds (float): time of training alone.
    """

    name: str
    cfg: Config
    checkpoint: str | Path
    threshold: float | None
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
) -> float | None:
    """θ with the highest sum of some figures, the smallest one on a tie, as the config has it.

    None: no metric has a θ.
    """
    metrics = localization_metrics(evaluator)
    if not metrics:
        return None
    thresholds = [
        theta
        for metric in metrics
        for theta in np.atleast_1d(metric.get('thresholds', ())).tolist()
        if figure_at('gt_known', theta) in val
    ]
    if not thresholds:
        return val['threshold']  # there was one θ only
    sums = [_sum(val[figure_at(name, theta)] for name in choose_by) for theta in thresholds]
    return thresholds[choose_threshold(thresholds, sums)]


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
    with DefaultScope.overwrite_default_scope(scope_of(cfg)):
        val, test = (DATASETS.build(cfg[f'{split}_dataloader'].dataset) for split in _REPORTED)
    shared = describe_shared_pictures(picture_files(val), picture_files(test))
    if shared is not None:
        raise ValueError(
            f'{shared}: what is chosen there would be tuned on test. Give val_dataloader.dataset a '
            'split of its own.'
        )


def describe_shared_pictures(own: Collection[str], tested: Collection[str]) -> str | None:
    """The pictures that ``val`` and ``test`` both read, in words.

    Args:
        own (Collection[str]): those of ``val_dataloader``, see :func:`picture_files`.
        tested (Collection[str]): those of ``test_dataloader``.

    Returns:
        str | None: the beginning of a sentence; None where they share none.
    """
    own = set(own)
    shared = own.intersection(tested)
    if not shared:
        return None
    which = 'the same pictures'
    if shared != own:
        which = f'{len(shared)} of the same pictures, such as {min(shared)}'
    return f'val_dataloader and test_dataloader read {which}'


def picture_files(dataset: Dataset) -> set[str]:
    """The files of a data set's pictures, whatever they are called in the config.

    Args:
        dataset (Dataset): of another kind than mmengine's it has none that are known.
    """
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


def require_whole_run(cfg: Config, name: str) -> tuple[Dataset, Dataset]:
    """Refuse, before all the work, a config that :func:`train_and_test` would refuse on its way.

    All that a run has is built, as a runner builds it: model with its first weights, optimizer,
    schedules, hooks, loaders, metrics. The lists of the data sets are read for it, and the first
    pictures of ``val`` and ``test``. Nothing is written into the work folder.

    Args:
        cfg (Config): the config; not changed.
        name (str): name of the method.

    Returns:
        tuple[Dataset, Dataset]: the data sets of ``val`` and ``test``.

    Raises:
        ValueError: a loader is not there, an evaluator has no LocalizationMetric, the model has
            another number of classes than a data set, there is no batch to train on, or a first
            picture has no true box. Parts that cannot be built raise what they raise in a run.
    """
    _require_parts(cfg)
    cfg = deepcopy(cfg)
    # This is no run that a log or a backend (of TensorBoard, say) should tell of.
    cfg.log_level = 'ERROR'
    (cfg.get('visualizer') or {}).pop('vis_backends', None)
    # Where open files cannot be removed, the runner's log stays.
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cfg.work_dir = folder
        runner = new_runner(cfg, f'{name}_check')
        loaders = [runner.train_dataloader, runner.val_dataloader, runner.test_dataloader]
        # The rest in the order of Runner.train().
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if runner.param_schedulers is not None:
            runner.build_param_scheduler(runner.param_schedulers)
        for hook in runner.hooks:
            if isinstance(hook, (ClassCountHook, EmptyLoaderHook)):
                hook.before_train(runner)  # which looks at the validation's too
                hook.before_test(runner)
        if hasattr(runner.model, 'init_weights'):
            runner.model.init_weights()
        runner.load_or_resume()
    val, test = (loader.dataset for loader in loaders[1:])
    for split, dataset in zip(_REPORTED, (val, test)):
        sample = dataset[0]['data_samples']
        try:
            LocalizationMetric.boxes_of(sample, 'gt_bboxes')
        except ValueError as error:
            raise ValueError(
                f'{split}_dataloader.dataset: {picture_name(sample)}: {error}. LocalizationMetric '
                'compares with true boxes: list them, and have them read with with_boxes=True'
            ) from error
    return val, test


def _require_parts(cfg: Config) -> None:
    """Refuse a config without what comes after its training: known without a look at files."""
    for split in ('train', *_REPORTED):
        if cfg.get(f'{split}_dataloader') is None:
            raise ValueError(f'there is no {split}_dataloader: a run trains, validates and tests')
    _require_thresholds(cfg)


def _require_thresholds(cfg: Config) -> None:
    """Refuse a config that has no θ in one of its evaluators."""
    for split in _REPORTED:
        if not localization_metrics(cfg.get(f'{split}_evaluator')):
            raise ValueError(
                f'{split}_evaluator has no LocalizationMetric: θ is chosen on val by its figures, '
                'and those of test are reported'
            )


def _one_or_several(given: Any) -> tuple:
    """Things that were given one by one; a name or a path is one."""
    return (given,) if is_path(given) else tuple(given)


def _threshold_figures(choose_by: str | Sequence[str]) -> tuple[str, ...]:
    """The figures that θ is chosen by; refuses those that it cannot be chosen by."""
    choose_by = _one_or_several(choose_by)
    known = ', '.join(_THRESHOLD_FIGURES)
    if not choose_by:
        raise ValueError(f'choose_by is empty: θ is chosen by the sum of some of {known}')
    for figure in choose_by:
        if figure not in _THRESHOLD_FIGURES:
            raise ValueError(f'choose_by: θ cannot be chosen by {figure}, but by {known}')
    return choose_by


def choose_threshold_and_test(
    cfg: Config,
    checkpoint: str | Path,
    name: str,
    choose_by: str | Sequence[str] = _PROTOCOL_A_CHOICE,
) -> LocalizationResult:
    """Test a checkpoint at the θ that is best on ``val``.

    Args:
        cfg (Config): a config whose ``val_evaluator`` has the list of θ to choose from.
        checkpoint (str | Path): the weights.
        name (str): name of the method.
        choose_by (str | Sequence[str]): the figure, or those whose sum θ is chosen by, among
            ``top1_loc``, ``top5_loc`` and ``gt_known``. Default: Protocol A's, Top-1 Loc +
            GT-Known.

    Returns:
        LocalizationResult: with ``seconds`` 0.

    Raises:
        ValueError: an evaluator has no LocalizationMetric, or θ cannot be chosen by ``choose_by``.
    """
    _require_thresholds(cfg)
    choose_by = _threshold_figures(choose_by)
    checkpoint = os.fspath(checkpoint)
    val, threshold = _validate(cfg, checkpoint, name, choose_by)
    return _test(cfg, checkpoint, name, threshold, val)


def _validate(
    cfg: Config, checkpoint: str, name: str, choose_by: Sequence[str]
) -> tuple[dict[str, float], float | None]:
    """Figures on ``val``, and the best θ."""
    cfg = deepcopy(cfg)
    use_checkpoint(cfg, checkpoint)
    runner = new_runner(cfg, f'{name}_val')
    val = _plain(runner.val())
    return val, _best_threshold(val, choose_by, cfg.val_evaluator)


def _test(
    cfg: Config, checkpoint: str, name: str, threshold: float | None, val: dict[str, float]
) -> LocalizationResult:
    """Figures on ``test`` at one θ, if there is any."""
    cfg = deepcopy(cfg)
    use_checkpoint(cfg, checkpoint)
    if threshold is not None:
        cfg.model.setdefault('test_cfg', {})['threshold'] = threshold
        set_thresholds(cfg.test_evaluator, threshold)
    test = _plain(new_runner(cfg, f'{name}_test').test())
    return LocalizationResult(name, cfg, checkpoint, threshold, val, test)


def choose_checkpoint_and_test(
    cfg: Config,
    checkpoints: str | Path | Sequence[str | Path],
    name: str,
    choose_by: str | Sequence[str] | None = None,
) -> LocalizationResult:
    """Choose a checkpoint on ``val``, with its θ where there is one, and test that alone.

    Args:
        cfg (Config): see :func:`choose_threshold_and_test`. Without a LocalizationMetric in both
            evaluators there is no θ, and the checkpoint alone is chosen.
        checkpoints (str | Path | Sequence[str | Path]): the candidates, at least one; the first on
            a tie.
        name (str): name of the method.
        choose_by (str | Sequence[str], optional): the figure of ``val``, or those whose sum
            decides: ``top1_loc``, ``top5_loc``, ``gt_known``, ``max_box_acc_v2``,
            ``max_box_acc``, ``pxap``, ``piou``. If none of them depends on θ, each checkpoint's θ
            is the best by Top-1 Loc + GT-Known. Default: these two; without a LocalizationMetric
            the first of the others that is there.

    Returns:
        LocalizationResult: with ``seconds`` 0.

    Raises:
        ValueError: there is no candidate, ``val`` and ``test`` are the same pictures,
            ``val_evaluator`` does not report what decides, or one evaluator alone has a
            LocalizationMetric.
    """
    checkpoints = [os.fspath(checkpoint) for checkpoint in _one_or_several(checkpoints)]
    if not checkpoints:
        raise ValueError('checkpoints is empty: give at least one to choose from')
    require_own_val(cfg)
    choose_by = _require_choice(cfg, choose_by)
    threshold_by = [f for f in choose_by if f in _THRESHOLD_FIGURES] or _PROTOCOL_A_CHOICE
    best = None
    for checkpoint in checkpoints:
        val, threshold = _validate(cfg, checkpoint, name, threshold_by)
        reached = _sum(_figure(val, figure, threshold) for figure in choose_by)
        if best is None or reached > best[0]:
            best = (reached, checkpoint, val, threshold)
    return _test(cfg, best[1], name, best[3], best[2])


def _require_choice(cfg: Config, choose_by: str | Sequence[str] | None) -> Sequence[str]:
    """The figures that decide; refuses evaluators that could not choose by them, or report θ."""
    figures = choice_figures(cfg.get('val_evaluator'))
    if not figures:
        metrics = ', '.join(dict.fromkeys(CHOICE_FIGURES.values()))
        raise ValueError(f'val_evaluator has nothing to choose by: give it one of {metrics}')
    if choose_by is None:
        choose_by = _PROTOCOL_A_CHOICE if 'gt_known' in figures else figures[:1]
    choose_by = _one_or_several(choose_by)
    if not choose_by:
        raise ValueError(
            f'choose_by is empty: a checkpoint is chosen by the sum of some of {", ".join(figures)}'
        )
    for figure in choose_by:
        if figure not in figures:
            raise ValueError(
                f'val_evaluator does not report {figure}: choose by {", ".join(figures)}, or give '
                'it the metric that does'
            )
    if any(localization_metrics(cfg.get(f'{split}_evaluator')) for split in _REPORTED):
        _require_thresholds(cfg)
    return choose_by


def _figure(val: dict[str, float], figure: str, threshold: float | None) -> float:
    """A figure at θ. There is none per θ where there is one θ only, or of other metrics."""
    at = None if threshold is None else figure_at(figure, threshold)
    return val.get(at, val[figure])


def train_and_test(
    cfg: Config, name: str, choose_by: str | Sequence[str] = _PROTOCOL_A_CHOICE
) -> LocalizationResult:
    """Train a config from its start, then :func:`choose_threshold_and_test` on the last weights.

    Args:
        cfg (Config): the config; ``work_dir`` must be set.
        name (str): name of the method.
        choose_by (str | Sequence[str]): see :func:`choose_threshold_and_test`.

    Returns:
        LocalizationResult: the figures.

    Raises:
        ValueError: a loader is not there, an evaluator has no LocalizationMetric, or θ cannot be
            chosen by ``choose_by``; see :func:`require_whole_run` for what else may be known
            before.
    """
    _require_parts(cfg)
    choose_by = _threshold_figures(choose_by)
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

    A figure that a method does not have is a dash, as is θ where there is none.

    Args:
        results (list[LocalizationResult]): the methods, in the order of the lines.

    Returns:
        str: the table, without a line break at its end.
    """
    heads = {**COLUMNS, **_FURTHER_COLUMNS}
    columns = [name for name in heads if any(name in result.test for result in results)]
    rows = [['', *map(heads.get, columns), 'θ']]
    for result in results:
        figures = [f'{result.test[name]:.1f}' if name in result.test else '–' for name in columns]
        theta = '–' if result.threshold is None else f'{result.threshold:g}'
        rows.append([result.name, *figures, theta])
    return markdown_table(rows)
