"""Exact multiply-adds of a training step, and with them what the constraint of BAS adds to CAM's.

A convolution or linear layer makes, for each number of its output, as many multiply-adds as one
of its filters has weights. Its gradients are the same sum in another order: those of the weights
and those of the input cost as much as the forward pass each. The first layer's input is the
picture, which needs no gradient. Padding counts as computed; norms, activations, pooling and
losses do not count.

:class:`torch.utils.flop_counter.FlopCounterMode` gives the same numbers (twice as high, as it
counts multiplications and additions apart), except for the weights' gradients of convolutions in
groups, which it counts as if there were no groups: 512-fold for some layers of MobileNetV1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
import torch.nn as nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from bas_mm.models.functional import background_features, frozen_pass
from bas_mm.utils.evaluation_mode import evaluation_mode

__all__ = [
    'MultiplyAdds',
    'StepMultiplyAdds',
    'counted',
    'layer_multiply_adds',
    'step_multiply_adds',
]


@dataclass
class MultiplyAdds:
    """Multiply-adds of some layers in one training step.

    Attributes:
        forward (int): of the forward pass.
        to_weights (int): of the gradients of weights.
        to_input (int): of the gradients of the layers' inputs.
    """

    forward: int = 0
    to_weights: int = 0
    to_input: int = 0

    @property
    def total(self) -> int:
        """Forward and backward together."""
        return self.forward + self.to_weights + self.to_input


@dataclass(frozen=True)
class StepMultiplyAdds:
    """Multiply-adds per image of a training step, by its parts.

    Attributes:
        front (MultiplyAdds): from the picture to F.
        tail (MultiplyAdds): from F to the last features.
        classifier (MultiplyAdds): from these to the class maps.
        amc (MultiplyAdds): the pass of the Activation Map Constraint through tail and classifier,
            forward and back to its input; 0 for CAM. The last layer counts with the maps of all
            classes, though the constraint looks at one.
        generator (MultiplyAdds): of one map per image, which is all that training needs; 0 for
            CAM.
    """

    front: MultiplyAdds
    tail: MultiplyAdds
    classifier: MultiplyAdds
    amc: MultiplyAdds
    generator: MultiplyAdds

    @property
    def cam(self) -> int:
        """Those of a CAM step with this network."""
        return self.front.total + self.tail.total + self.classifier.total

    @property
    def limit(self) -> float:
        """A step with the AMC pass, the maps of all classes at its end, over a CAM step."""
        return 1 + self.amc.total / self.cam

    @property
    def limit_with_generator(self) -> float:
        """:attr:`limit` and one foreground map per image."""
        return self.limit + self.generator.total / self.cam


def layer_multiply_adds(weight_shape: Sequence[int], output_shape: Sequence[int]) -> int:
    """Multiply-adds of the forward pass of a convolution or linear layer.

    Args:
        weight_shape (Sequence[int]): (outputs, inputs / groups, \\*kernel).
        output_shape (Sequence[int]): (N, outputs, \\*size), or (\\*, outputs) of a linear layer.

    Returns:
        int: outputs × inputs / groups × kernel × size × N.
    """
    return prod(weight_shape[1:]) * prod(output_shape)


@contextmanager
def counted(modules: Sequence[nn.Module]) -> Iterator[MultiplyAdds]:
    """Count the layers that run inside, and the gradients that a backward pass will need.

    A layer without gradients (frozen weights, ``torch.no_grad``, an input that needs none) is
    counted as autograd will handle it.

    Args:
        modules (Sequence[nn.Module]): the layers are looked for in these.

    Yields:
        MultiplyAdds: of the whole batch; grows with each layer that has run.

    Raises:
        ValueError: a module has weights and is neither a convolution nor a linear layer.
    """
    work = MultiplyAdds()

    def add(layer: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        cost = layer_multiply_adds(layer.weight.shape, output.shape)
        work.forward += cost
        if output.requires_grad:
            work.to_weights += cost * layer.weight.requires_grad
            work.to_input += cost * inputs[0].requires_grad

    handles = []
    try:
        for module in {m for root in modules for m in root.modules()}:
            if isinstance(module, (_ConvNd, nn.Linear)) and not isinstance(
                module, _ConvTransposeNd
            ):
                handles.append(module.register_forward_hook(add))
            elif any(p.ndim > 1 for p in module.parameters(recurse=False)):
                raise ValueError(
                    f'the multiply-adds of {type(module).__name__} are not known: only those of '
                    'convolutions and linear layers are'
                )
        yield work
    finally:
        for handle in handles:
            handle.remove()


def step_multiply_adds(model: nn.Module, size: tuple[int, int] = (224, 224)) -> StepMultiplyAdds:
    """Multiply-adds per image of a training step of BAS or CAM.

    One picture of zeros goes through the model as it is; on the device 'meta'
    (``model.to('meta')``) nothing is computed.

    Args:
        model (nn.Module): a :class:`~bas_mm.models.ClassMapClassifier`; those with a
            ``generator`` count as BAS.
        size (tuple[int, int]): height and width of the picture.

    Returns:
        StepMultiplyAdds: by parts.

    Raises:
        ValueError: see :func:`counted`.
    """
    modules = [*model.split.tail_modules(model.backbone), model.head.classifier]
    weight = model.head.classifier_parts()[1].weight
    images = torch.zeros(1, 3, *size, device=weight.device, dtype=weight.dtype)
    # In eval mode: a batch of one must not touch the running statistics.
    with evaluation_mode(model), torch.enable_grad():
        with counted([model.backbone]) as front:
            features = model.split.front(model.backbone, images)
        with counted(modules[:-1]) as tail:
            tail_features = model.split.tail(model.backbone, features)
        with counted(modules[-1:]) as classifier:
            model.head(tail_features)
        generator, amc = MultiplyAdds(), MultiplyAdds()
        if hasattr(model, 'generator'):
            with counted([model.generator]) as all_maps:
                maps = model.generator(features)
            classes = maps.shape[1]
            generator = MultiplyAdds(
                all_maps.forward // classes,
                all_maps.to_weights // classes,
                all_maps.to_input // classes,
            )
            with counted(modules) as amc:
                frozen_pass(modules, background_features(features, maps[:, :1]))
    return StepMultiplyAdds(front, tail, classifier, amc, generator)
