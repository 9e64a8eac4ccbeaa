"""Whether the configs of a pipeline have the same classes in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bas_mm.registry import DATASETS
from bas_mm.utils.class_names import require_same_order
from bas_mm.utils.config_datasets import inner_datasets
from bas_mm.utils.config_types import registered_class

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['require_same_classes']

# Where configs have data sets.
_LOADERS = ('train_dataloader', 'seed_dataloader', 'seed_evaluator', 'val_dataloader')
_LOADERS = (*_LOADERS, 'test_dataloader')


def require_same_classes(configs: Mapping[str, Config]) -> None:
    """Refuse configs whose data sets have the classes in another order than the first that is met.

    What one step makes is read by the next, in which a class is only a number. Of a data set whose
    classes are in a file that cannot be read, or whose kind is not known, the step tells that reads
    it.

    Args:
        configs (Mapping[str, Config]): Configs by their keys in that of the pipeline.

    Raises:
        ValueError: The message names both data sets and the first class that differs.
    """
    first: tuple[Sequence[str], str] | None = None
    for name, cfg in configs.items():
        for key in _LOADERS:
            for classes in _lists((cfg.get(key) or {}).get('dataset')):
                what = f"{key}.dataset of {name}'s config"
                if first is None:
                    first = (classes, what)
                # A segmentor's have the background before them.
                own = classes[1:] if len(classes) == len(first[0]) + 1 else classes
                require_same_order(own, what, *first)


def _lists(dataset: Any) -> Iterator[Sequence[str]]:
    """The lists of classes of a data set's config and of those within."""
    for settings in inner_datasets(dataset):
        yield from _lists(settings.get('pictures'))
        kind = registered_class(DATASETS, settings)
        # Wrappers would read those that they join.
        if kind is None or {'dataset', 'datasets', 'pictures'} & set(settings):
            continue
        try:
            made = DATASETS.build({**settings, 'pipeline': [], 'lazy_init': True})
            classes = made.metainfo['classes']
        except Exception:  # of any package's data sets
            continue
        if isinstance(classes, list | tuple):
            yield classes
