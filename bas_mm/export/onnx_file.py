"""Exported classifiers as ONNX files."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from .exported_classifier import ExportedClassifier

if TYPE_CHECKING:
    import onnx

__all__ = ['IR_VERSION', 'OPSET', 'onnx_content', 'onnx_runner']

#: What torch's exporter writes without a conversion.
OPSET = 18

#: Version of the file's structure: the one that came with opset 18. The exporter writes a newer
#: one, which onnxruntime before 1.18 refuses; nothing in these files needs it.
IR_VERSION = 8


def onnx_content(
    exported: ExportedClassifier,
    example: Sequence[torch.Tensor],
    dynamic_shapes: Sequence[dict],
    metadata: Mapping[str, Any],
) -> bytes:
    """The content of an ONNX file, which ``onnx.checker`` has passed.

    Args:
        exported (ExportedClassifier): What is exported.
        example (Sequence[Tensor]): Inputs.
        dynamic_shapes (Sequence[dict]): For each input its axes of any length, as
            ``torch.export`` takes them.
        metadata (Mapping): Plain values; each becomes JSON text.

    Returns:
        bytes: Weights included.
    """
    import onnx

    with warnings.catch_warnings():
        # All inputs have the batch's axis; that it gets its name from one of them is as it should.
        warnings.filterwarnings('ignore', message='# The axis name: batch will not be used')
        program = torch.onnx.export(
            exported,
            tuple(example),
            dynamo=True,
            input_names=exported.input_names,
            output_names=exported.output_names,
            dynamic_shapes=tuple(dynamic_shapes),
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    proto = program.model_proto
    _strip(proto.graph)
    proto.ir_version = IR_VERSION
    onnx.helper.set_model_props(proto, {k: json.dumps(v) for k, v in metadata.items()})
    onnx.checker.check_model(proto, full_check=True)
    return proto.SerializeToString()


def _strip(graph: 'onnx.GraphProto') -> None:
    """Take out what the exporter notes about the code: above all, paths of this machine."""
    parts = (graph.node, graph.input, graph.output, graph.value_info, graph.initializer)
    for message in (graph, *(item for part in parts for item in part)):
        message.ClearField('metadata_props')
        message.ClearField('doc_string')


def onnx_runner(content: bytes) -> tuple[str, Callable[..., tuple[torch.Tensor, ...]]]:
    """onnxruntime over a file's content, on the CPU.

    Args:
        content (bytes): An ONNX file.

    Returns:
        tuple[str, Callable]: What runs it, and a function of tensors that runs it.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
    names = [value.name for value in session.get_inputs()]

    def run(*inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        feed = {name: value.numpy() for name, value in zip(names, inputs)}
        return tuple(torch.from_numpy(value) for value in session.run(None, feed))

    return f'onnxruntime {onnxruntime.__version__}', run
