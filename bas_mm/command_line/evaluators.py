"""What is wrong with a config's evaluators, said before all the work."""

from typing import TYPE_CHECKING

from .messages import fail, warn

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['require_distinct_figures', 'warn_of_two_thresholds']

# Our metrics, each with the one whose names its figures have. Of the metrics of other packages some
# can be there twice, with other settings.
_NAMED_AS = {
    'CocoBoxWriter': 'CocoBoxWriter',
    'DetectionLocalizationMetric': 'LocalizationMetric',
    'LocalizationMetric': 'LocalizationMetric',
    'MapWriter': 'MapWriter',
    'MaxBoxAcc': 'MaxBoxAcc',
    'MaxBoxAccV2': 'MaxBoxAccV2',
    'PxAP': 'PxAP',
    'ViewBoxAcc': 'ViewBoxAcc',
}


def require_distinct_figures(cfg: 'Config', path: str, *evaluators: str) -> None:
    """Exit with status 2 where figures of a validation or a test would have one name.

    mmengine tells it when all pictures were evaluated: of a training, after its first epochs.

    Args:
        cfg (Config): The config.
        path (str): Its file, for the message.
        *evaluators (str): The keys of those that will run.
    """
    from bas_mm.utils.config_metrics import metrics_of
    from bas_mm.utils.config_types import type_name

    for name in evaluators:
        seen: dict[tuple[str, str], str] = {}
        for metric in metrics_of(cfg.get(name)):
            kind = type_name(metric)
            named_as = [_NAMED_AS[kind]] if kind in _NAMED_AS else []
            if kind == 'MaxBoxAccV2' and metric.get('with_max_box_acc'):
                named_as.append('MaxBoxAcc')
            prefix = metric.get('prefix') or 'localization'
            for figures in named_as:
                if (other := seen.get((figures, prefix))) is not None:
                    both = f'{kind} twice' if other == kind else f'{other} and {kind}'
                    fail(
                        f'{path}: {name} has {both}, whose figures would have one name: give one '
                        "of them a prefix, such as prefix='second'"
                    )
                seen[figures, prefix] = kind


def warn_of_two_thresholds(cfg: 'Config', path: str) -> None:
    """One line on stderr where a config's figures are of another θ than the boxes it gives.

    Args:
        cfg (Config): The config.
        path (str): Its file, for the message.
    """
    from bas_mm.utils.config_metrics import only_threshold, threshold_of

    of_model = threshold_of(cfg)
    of_figures = only_threshold(cfg.get('test_evaluator'))
    if None in (of_model, of_figures) or of_model == of_figures:
        return
    warn(
        f'{path} has two θ: boxes are at {of_model:g} (model.test_cfg.threshold), the figures of '
        f'a test at {of_figures:g} (test_evaluator.thresholds)'
    )
