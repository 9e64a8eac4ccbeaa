"""Exported classifiers as files of ``torch.export``."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from .exported_classifier import ExportedClassifier

__all__ = ['METADATA_FILE', 'pt2_content', 'pt2_runner']

#: Name of the metadata among the file's ``extra_files``.
METADATA_FILE = 'metadata.json'


def pt2_content(
    exported: ExportedClassifier,
    example: Sequence[torch.Tensor],
    dynamic_shapes: Sequence[dict],
    metadata: Mapping[str, Any],
) -> bytes:
    """The content of a ``.pt2`` file, which ``torch.export.load`` reads.

    Args:
        exported (ExportedClassifier): What is exported.
        example (Sequence[Tensor]): Inputs.
        dynamic_shapes (Sequence[dict]): For each input its axes of any length.
        metadata (Mapping): Plain values.

    Returns:
        bytes: Weights included.
    """
    with _frozen(exported):
        program = torch.export.export(
            exported, tuple(example), dynamic_shapes=tuple(dynamic_shapes), strict=False
        )
        for module in program.graph_module.modules():
            for node in getattr(module, 'graph', torch.fx.Graph()).nodes:
                # It has the paths of this machine.
                node.meta.pop('stack_trace', None)
        content = io.BytesIO()
        torch.export.save(program, content, extra_files={METADATA_FILE: json.dumps(metadata)})
    return content.getvalue()


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """No weight needs a gradient: the file keeps that, and what it gives would need one, too."""
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in trained:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


def pt2_runner(content: bytes) -> tuple[str, Callable[..., tuple[torch.Tensor, ...]]]:
    """The program of a file's content.

    Args:
        content (bytes): A ``.pt2`` file.

    Returns:
        tuple[str, Callable]: What runs it, and a function of tensors that runs it.
    """
    return f'torch {torch.__version__}', torch.export.load(io.BytesIO(content)).module()
