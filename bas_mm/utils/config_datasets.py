"""What a config says of its data sets, told without building them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bas_mm.registry import DATASETS

from .arguments import is_path
from .config_types import registered_class, type_name

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'classes_of_config',
    'classes_of_dataset',
    'classes_of_labels',
    'evaluated_set',
    'inner_datasets',
    'known_classes',
    'leaf_datasets',
    'pipeline_of_config',
    'put_ten_crop',
]


def inner_datasets(dataset: Any) -> Iterator[dict]:
    """A data set's config and, where it wraps others as ConcatDataset does, theirs.

    Args:
        dataset (Any): Config of a data set; anything else has none.
    """
    if not isinstance(dataset, dict):
        return
    yield dataset
    for key in ('dataset', 'datasets'):
        for child in _listed(dataset.get(key)):
            yield from inner_datasets(child)


def leaf_datasets(dataset: Any, below_masks: bool = False) -> Iterator[dict]:
    """The configs of the data sets that wrap no others: a data set's own, or those within.

    Args:
        dataset (Any): Config of a data set; anything else has none.
        below_masks (bool): Whether sets that put other labels to the ``pictures`` of a set, as
            PseudoMaskDataset does, are taken for wrappers too. Defaults to False.
    """
    if not isinstance(dataset, dict):
        return
    keys = ('dataset', 'datasets', 'pictures') if below_masks else ('dataset', 'datasets')
    inner = [dataset[key] for key in keys if key in dataset]
    if not inner:
        yield dataset
    for value in inner:
        for child in _listed(value):
            yield from leaf_datasets(child, below_masks)


def _listed(value: Any) -> Sequence:
    return value if isinstance(value, (list, tuple)) else [value]


def evaluated_set(cfg: Config) -> Mapping | None:
    """Config of the data set that evaluations of seeds and masks are about.

    It is ``seed_evaluator.dataset``, or else that of ``seed_dataloader``, or else the pictures of
    IRNet's training.

    Args:
        cfg (Config): The config.

    Returns:
        Mapping | None: None where it has none of them.
    """
    dataset = (cfg.get('seed_evaluator') or {}).get('dataset')
    dataset = dataset or (cfg.get('seed_dataloader') or {}).get('dataset')
    trained = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    return dataset or trained.get('pictures')


def pipeline_of_config(cfg: Config, loader: str) -> Sequence[dict] | None:
    """The transforms of a loader's pictures; None where there are none.

    Args:
        cfg (Config): The config.
        loader (str): Its key, such as ``test_dataloader``.
    """
    datasets = inner_datasets((cfg.get(loader) or {}).get('dataset'))
    return next((dataset['pipeline'] for dataset in datasets if dataset.get('pipeline')), None)


def classes_of_dataset(dataset: Mapping) -> tuple[Sequence[str] | None, bool]:
    """Names of the classes of one data set.

    They are those of ``classes`` or ``metainfo.classes``, names or a file of them, or else those of
    its kind, of which it may take some only.

    Args:
        dataset (Mapping): Its config.

    Returns:
        tuple[Sequence[str] | None, bool]: The names, None where they are not told, as by a number
        or a file that cannot be read; and whether the config gives them.
    """
    kind = registered_class(DATASETS, dataset)
    own = dataset.get('classes')
    given = own or (dataset.get('metainfo') or {}).get('classes')
    if is_path(given) and hasattr(kind, '_read_classes'):
        # Only the path in `classes` is below the folder of the set.
        root = (dataset.get('data_root') or '') if own else ''
        try:
            given = kind._read_classes(given, root)
        except ValueError:  # who builds the set tells of it
            return None, True
    if given is not None:
        return (given if isinstance(given, (list, tuple)) else None), True
    return _classes_of_kind(kind), False


def classes_of_labels(dataset: Mapping) -> Sequence[str] | None:
    """Names of the classes of one data set in the order of the numbers in its files.

    They are those of :func:`classes_of_dataset`, except of mmsegmentation's sets: to these other
    ``classes`` than those of their kind say how files are renumbered when they are read.

    Args:
        dataset (Mapping): Its config.

    Returns:
        Sequence[str] | None: None where they are not told, or its kind is not known.
    """
    kind = registered_class(DATASETS, dataset)
    if kind is None:
        return None
    stored = _classes_of_kind(kind) if hasattr(kind, 'get_label_map') else None
    return stored or classes_of_dataset(dataset)[0]


def _classes_of_kind(kind: type | None) -> Sequence[str] | None:
    names = getattr(kind, 'METAINFO', {}).get('classes')
    return names if isinstance(names, (list, tuple)) else None


def classes_of_config(cfg: Config, count: int) -> Sequence[str] | None:
    """Names of the classes of the data sets; None where they are not told.

    Args:
        cfg (Config): The config.
        count (int): How many classes the model has. Sets may take some of the classes of their
            kind: the names of a kind are those of the set only where they are so many.
    """
    for loader in ('test_dataloader', 'val_dataloader', 'train_dataloader'):
        for dataset in inner_datasets((cfg.get(loader) or {}).get('dataset')):
            names, given = classes_of_dataset(dataset)
            if names is not None and (given or len(names) == count):
                return names
    return None


def known_classes(
    cfg: Config, checkpoint: Mapping, count: int
) -> tuple[Sequence[str] | None, bool]:
    """Names of a model's classes: those that it was trained with, else the config's.

    Args:
        cfg (Config): The config.
        checkpoint (Mapping): What was read, with or without mmengine's ``meta``.
        count (int): How many classes the model has; there may be another number of names.

    Returns:
        tuple[Sequence[str] | None, bool]: The names, None where neither knows them; and whether
        the checkpoint has noted them.
    """
    noted = ((checkpoint.get('meta') or {}).get('dataset_meta') or {}).get('classes')
    names = noted or classes_of_config(cfg, count)
    return names and [str(name) for name in names], bool(noted)


def put_ten_crop(cfg: Config) -> bool:
    """Put ``LocTenCrop`` in the place of ``LocCenterCrop`` in the test pipeline.

    Args:
        cfg (Config): Changed in place.

    Returns:
        bool: Whether there was one to replace.
    """
    found = [
        transform
        for dataset in inner_datasets(cfg.test_dataloader.get('dataset'))
        for transform in dataset.get('pipeline') or ()
        if type_name(transform) == 'LocCenterCrop'
    ]
    for transform in found:
        transform['type'] = 'bas_mm.LocTenCrop'
    return bool(found)
