"""From a classifier to a file: written whole, and only if it gives the classifier's numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from bas_mm.apis.checkpoints import fill_model, read_checkpoint
from bas_mm.utils.config_model import build_model, scope_of
from bas_mm.utils.result_files import write_bytes

from .comparison import compare, random_inputs
from .errors import ExportError
from .exported_classifier import ExportedClassifier
from .metadata import describe, pipeline_of, view_size_of
from .onnx_file import onnx_content, onnx_runner
from .packages import require_packages
from .pt2_file import pt2_content, pt2_runner

__all__ = ['ExportResult', 'export_checkpoint', 'export_classifier']

_FORMATS = {'.onnx': (onnx_content, onnx_runner), '.pt2': (pt2_content, pt2_runner)}


@dataclass
class ExportResult:
    """What was written.

    Attributes:
        path (Path): The file.
        num_bytes (int): Its size.
        shapes (dict[str, tuple]): Shape of each input and output, 'N' for a batch of any size.
        checked_with (str, optional): What ran it for the check; None without one.
        differences (dict[str, float]): Largest absolute difference of each output in the check.
        unknown (list[str]): Names of the checkpoint's weights that the model does not have, and
            the file neither.
    """

    path: Path
    num_bytes: int
    shapes: dict[str, tuple[int | str, ...]]
    checked_with: str | None = None
    differences: dict[str, float] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def export_classifier(
    exported: ExportedClassifier,
    path: str | Path,
    view_size: tuple[int, int],
    dynamic_batch: bool = False,
    metadata: Mapping[str, Any] | None = None,
    check: bool = True,
) -> ExportResult:
    """Write a classifier as ONNX or for ``torch.export``.

    Args:
        exported (ExportedClassifier): The classifier.
        path (str | Path): The file; its suffix, ``.onnx`` or ``.pt2``, says what it shall be.
        view_size (tuple[int, int]): Height and width of the pictures.
        dynamic_batch (bool): Whether it takes any number of pictures at a time. Default: one.
        metadata (Mapping, optional): Plain values to put into the file.
        check (bool): Whether the file's numbers are compared with the classifier's on random
            pictures first.

    Returns:
        ExportResult: What was written.

    Raises:
        ExportError: Packages are missing, the network does not run on such pictures, or the check
            failed. Nothing is written then.
    """
    require_packages(path, check)
    path = Path(path)
    to_content, to_runner = _FORMATS[path.suffix]
    # A batch of one would be taken for a constant.
    example = random_inputs(exported, 2 if dynamic_batch else 1, view_size)
    try:
        with torch.no_grad():
            outputs = exported(*example)
    except RuntimeError as error:
        height, width = view_size
        raise ExportError(
            f'the network does not run on pictures of {width}x{height} pixels: {error}'
        ) from error
    axes = {0: torch.export.Dim('batch')} if dynamic_batch else {}
    content = to_content(exported, example, [axes] * len(example), metadata or {})
    names = (*exported.input_names, *exported.output_names)
    shapes = {name: tuple(value.shape) for name, value in zip(names, (*example, *outputs))}
    if dynamic_batch:
        shapes = {name: ('N', *shape[1:]) for name, shape in shapes.items()}
    result = ExportResult(path, len(content), shapes)
    if check:
        result.checked_with, run = to_runner(content)
        batches = (1, 3) if dynamic_batch else (1, 1, 1, 1)
        result.differences = compare(exported, run, batches, view_size)
    write_bytes(path, content)
    return result


def export_checkpoint(
    cfg: Config,
    checkpoint: str | Path,
    path: str | Path,
    view_size: tuple[int, int] | None = None,
    maps: str | None = None,
    dynamic_batch: bool = False,
    check: bool = True,
) -> ExportResult:
    """Write the classifier of a config and a checkpoint as ONNX or for ``torch.export``.

    Args:
        cfg (Config): The config.
        checkpoint (str | Path): Its weights, a file or a URL.
        path (str | Path): See :func:`export_classifier`.
        view_size (tuple[int, int], optional): Height and width. Default: what the config's test
            pipeline makes.
        maps (str, optional): See :class:`ExportedClassifier`.
        dynamic_batch (bool): See :func:`export_classifier`.
        check (bool): Likewise.

    Returns:
        ExportResult: What was written.

    Raises:
        ExportError: As :func:`export_classifier`; or the model cannot be exported, the checkpoint
            cannot be read or lacks weights, or the size of the pictures is not known.
    """
    require_packages(path, check)
    init_default_scope(scope_of(cfg))
    # First: whether the model can be exported at all.
    model = build_model(cfg)
    exported = ExportedClassifier(model, maps)
    if view_size is None:
        pipeline = pipeline_of(cfg)
        view_size = view_size_of(pipeline)
        if view_size is None:
            what = (
                'the test pipeline makes views of several sizes'
                if pipeline
                else 'the config has no test pipeline (test_dataloader.dataset.pipeline)'
            )
            raise ExportError(
                f'{what}: give the height and the width of the exported pictures (--size)'
            )
    try:
        content = read_checkpoint(checkpoint)
        unknown = fill_model(model, content, checkpoint)
    except (FileNotFoundError, ValueError) as error:
        raise ExportError(str(error)) from error
    metadata = describe(cfg, content, exported, view_size)
    result = export_classifier(exported, path, view_size, dynamic_batch, metadata, check)
    result.unknown = unknown
    return result
