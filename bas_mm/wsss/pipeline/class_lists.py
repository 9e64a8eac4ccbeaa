"""Whether the configs of a pipeline have the same classes in the same order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bas_mm.utils.class_names import require_same_order
from bas_mm.utils.config_datasets import classes_of_labels, leaf_datasets

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['require_same_classes']

# Where configs have data sets.
_LOADERS = (
    'train_dataloader',
    'seed_dataloader',
    'seed_evaluator',
    'val_dataloader',
    'test_dataloader',
)


def require_same_classes(configs: Mapping[str, Config]) -> None:
    """Refuse configs whose data sets have the classes in several orders.

    What one step makes is read by the next, in which a class is only a number. No data set is
    built. Of one whose classes are in a file that cannot be read, or whose kind is not known, the
    step tells that reads it.

    Args:
        configs (Mapping[str, Config]): Configs by their keys in that of the pipeline.

    Raises:
        ValueError: The message names both data sets and the first class that differs.
    """
    # Classes -> whose they are. Two lists may have no common name, but each one with a third.
    met: dict[tuple[str, ...], str] = {}
    for name, cfg in configs.items():
        for key in _LOADERS:
            for dataset in leaf_datasets((cfg.get(key) or {}).get('dataset'), below_masks=True):
                classes = tuple(map(str, classes_of_labels(dataset) or ()))
                if classes in met:
                    continue
                what = f"{key}.dataset of {name}'s config"
                for others, other_what in met.items():
                    _compare(classes, what, others, other_what)
                met[classes] = what


def _compare(classes: Sequence[str], what: str, others: Sequence[str], other_what: str) -> None:
    # A segmentor's have the background before them.
    if len(classes) == len(others) + 1:
        classes = classes[1:]
    elif len(others) == len(classes) + 1:
        others = others[1:]
    advice = 'give both the same one, by `classes` of the data sets'
    require_same_order(classes, what, others, other_what, advice)
