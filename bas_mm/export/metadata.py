"""What a file says about the classifier in it."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.config import Config

from bas_mm.apis.picture_input import PictureInput
from bas_mm.apis.picture_pipeline import PicturePipeline
from bas_mm.registry import TRANSFORMS
from bas_mm.utils.config_datasets import known_classes, pipeline_of_config
from bas_mm.utils.config_metrics import threshold_of
from bas_mm.utils.config_types import plain_types, registered_class
from bas_mm.version import __version__

from .errors import ExportError
from .exported_classifier import ExportedClassifier

__all__ = ['class_names', 'describe', 'pipeline_of', 'view_size_of', 'with_defaults']


# Height and width of blank pictures: neither alike nor of one shape, and larger than all crops.
_BLANKS = ((1200, 1600), (1500, 1300))


def pipeline_of(cfg: Config) -> list[dict]:
    """The transforms of the test set's pictures; none where the config has no test set."""
    return plain_types(pipeline_of_config(cfg, 'test_dataloader') or [])


def with_defaults(pipeline: Sequence[Mapping]) -> list[dict]:
    """A pipeline whose reader need not know what bas_mm's transforms do where nothing is said.

    Args:
        pipeline (Sequence[Mapping]): Configs of transforms. Those of other packages are left as
            they are.

    Returns:
        list[dict]: With the default of each argument that bas_mm's own transforms have.
    """
    filled = []
    for transform in pipeline:
        kind = registered_class(TRANSFORMS, transform)
        defaults = {}
        if kind is not None and kind.__module__.startswith('bas_mm.'):
            defaults = {
                name: parameter.default
                for name, parameter in inspect.signature(kind).parameters.items()
                if parameter.default is not parameter.empty
            }
        filled.append({'type': transform.get('type'), **defaults, **transform})
    return filled


def view_size_of(pipeline: Sequence[Mapping]) -> tuple[int, int] | None:
    """Height and width of the views that a pipeline makes; None where they are of several sizes.

    The pipeline, of any package's transforms, is run on two blank pictures.

    Args:
        pipeline (Sequence[Mapping]): Configs of transforms.

    Raises:
        ExportError: It cannot be run on a picture that has nothing but pixels.
    """
    if not pipeline:
        return None
    key, sizes = 'test_dataloader.dataset.pipeline', set()
    try:
        made = PicturePipeline(pipeline, key)
        for size in _BLANKS:
            blank = PictureInput(np.zeros((*size, 3), np.uint8), 'blank', 'blank')
            sizes.add(tuple(made.view(made.load(blank))['inputs'].shape[-2:]))
    except Exception as error:
        # Transforms of other packages have errors of their own.
        raise ExportError(
            f'{key} cannot be run on a blank picture, to see what size it makes '
            f'({type(error).__name__}: {error}): give the height and the width of the exported '
            'pictures (--size)'
        ) from error
    return sizes.pop() if len(sizes) == 1 else None


def class_names(cfg: Config, checkpoint: Mapping, num_classes: int) -> list[str] | None:
    """Names of the classes: those that the checkpoint was trained with, else the config's.

    Args:
        cfg (Config): With or without data sets.
        checkpoint (Mapping): What was read, with or without mmengine's ``meta``.
        num_classes (int): C.

    Returns:
        list[str] | None: C names; None where neither knows them.

    Raises:
        ExportError: The checkpoint was trained on another number of classes.
    """
    names, noted = known_classes(cfg, checkpoint, num_classes)
    if names and len(names) == num_classes:
        return names
    if noted:
        raise ExportError(
            f'the checkpoint was trained on {len(names)} classes, model.head.num_classes is '
            f'{num_classes}'
        )
    return None


def describe(
    cfg: Config, checkpoint: Mapping, exported: ExportedClassifier, view_size: tuple[int, int]
) -> dict[str, Any]:
    """The metadata of a file: what a program needs besides the graph.

    Args:
        cfg (Config): The classifier's.
        checkpoint (Mapping): Its weights' file.
        exported (ExportedClassifier): The classifier.
        view_size (tuple[int, int]): Height and width of its pictures.

    Returns:
        dict: Plain values: ``bas_mm_version``; ``model``, its type; ``view_size`` [height, width];
        ``colours``, of ``images``; ``maps``; ``topk``, K; ``threshold``, θ of the boxes, by the
        rule of LocalizationInferencer; ``classes``, their names; ``test_pipeline``, how pictures
        become views, see :func:`with_defaults`. What is not known is left out.
    """
    known = dict(
        bas_mm_version=__version__,
        model=type(exported.model).__name__,
        view_size=list(view_size),
        colours='RGB',
        maps=exported.maps,
        topk=exported.topk,
        threshold=None if exported.multi_label else threshold_of(cfg),
        classes=class_names(cfg, checkpoint, exported.num_classes),
        test_pipeline=with_defaults(pipeline_of(cfg)) or None,
    )
    return {key: value for key, value in known.items() if value is not None}
