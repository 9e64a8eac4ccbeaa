"""What a step lacks of data and weights, told before the hours of the steps before it."""

from __future__ import annotations

import os.path as osp
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from bas_mm.registry import DATASETS
from bas_mm.utils.config_datasets import leaf_datasets
from bas_mm.utils.config_types import registered_class, type_name

__all__ = ['files_of_weights', 'missing_inputs', 'missing_weights']


def missing_inputs(reads: Sequence[tuple[Mapping | None, bool]]) -> dict[str, str]:
    """Which files and folders of data sets are not there.

    Nothing is opened, and of a data set that is not of this package nothing is said.

    Args:
        reads (Sequence[tuple[Mapping, bool]]): Configs of data sets, and whether the masks of each
            are read, too.

    Returns:
        dict[str, str]: What to do about each, by its path.
    """
    found: dict[str, str] = {}
    for dataset, masks in reads:
        for own in leaf_datasets(dataset):
            kind = registered_class(DATASETS, own)
            if not hasattr(kind, 'needed_paths'):
                continue
            try:
                paths = kind.needed_paths(own, masks)
            except Exception:  # what is wrong with its settings says the step that builds it
                continue
            for path, advice in paths.items():
                if '://' not in path and not osp.exists(path or '.'):
                    found.setdefault(path, advice)
    return found


def files_of_weights(cfg: Mapping, replaced: Collection[str] = ()) -> dict[str, str]:
    """The files that a training takes weights from before it begins.

    Args:
        cfg (Mapping): The training's config.
        replaced (Collection[str]): Keys in whose place it is given others.

    Returns:
        dict[str, str]: Path by key: of ``load_from`` and of the initializers that read a file. URLs
        and names with a scheme, such as ``torchvision://resnet50``, are none.
    """
    given = {'load_from': cfg.get('load_from'), **dict(_initializers(cfg.get('model'), 'model'))}
    return {
        key: osp.expanduser(path)
        for key, path in given.items()
        if isinstance(path, str) and '://' not in path and key not in replaced
    }


def _initializers(part: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Key and value of each checkpoint that a part of a model begins with."""
    if isinstance(part, Mapping):
        if type_name(part) in ('Pretrained', 'PretrainedBackbone'):
            yield f'{path}.checkpoint', part.get('checkpoint')
        children = part.items()
    else:
        children = enumerate(part) if isinstance(part, list | tuple) else ()
    for key, child in children:
        yield from _initializers(child, f'{path}.{key}')


def missing_weights(files: Mapping[str, str]) -> dict[str, str]:
    """Which of :func:`files_of_weights` are not there.

    Returns:
        dict[str, str]: What to do about each, by its path.
    """
    found: dict[str, str] = {}
    for key, path in files.items():
        if not osp.isfile(path):
            found.setdefault(path, f'Correct {key} in its config')
    return found
