"""What the data sets of a step lack, told before the hours of the steps before it."""

from __future__ import annotations

import os.path as osp
from collections.abc import Mapping, Sequence

from bas_mm.registry import DATASETS
from bas_mm.utils.config_datasets import leaf_datasets
from bas_mm.utils.config_types import registered_class

__all__ = ['missing_inputs']


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
