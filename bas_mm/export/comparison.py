"""Whether an exported file gives the numbers of the classifier that it was made of."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from .errors import ExportError
from .exported_classifier import ExportedClassifier

__all__ = ['TOLERANCE', 'compare', 'random_inputs']

#: Largest difference: of scores in parts of the picture's highest score (of many classes each has
#: little, and an absolute difference would say nothing); of a map absolute or, where it spans less
#: than 1, in parts of that: boxes come from the map stretched to 0 ... 1, however weak it is.
TOLERANCE = 1e-4

# What rounding in float32 may make of a map, in parts of the greatest value of the picture's maps:
# up to 2e-6 were seen on class maps of a ResNet50.
_ROUNDING = 1e-5


def random_inputs(
    exported: ExportedClassifier, batch: int, view_size: tuple[int, int], seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """Pictures of random smooth colours, and random classes where they are an input.

    Args:
        exported (ExportedClassifier): Whose inputs they are.
        batch (int): N.
        view_size (tuple[int, int]): Height and width.
        seed (int): Decides them.

    Returns:
        tuple[Tensor, ...]: (N, 3, H, W) uint8 and, with maps 'given', (N,) int64.
    """
    generator = torch.Generator().manual_seed(seed)
    # Noise of single pixels looks the same to a network whatever the draw.
    coarse = torch.rand(batch, 3, 6, 6, generator=generator)
    images = F.interpolate(coarse, view_size, mode='bilinear').mul(255).to(torch.uint8)
    if exported.maps != 'given':
        return (images,)
    return images, torch.randint(exported.num_classes, (batch,), generator=generator)


@torch.no_grad()
def compare(
    exported: ExportedClassifier,
    run: Callable[..., Sequence[torch.Tensor]],
    batches: Sequence[int],
    view_size: tuple[int, int],
) -> dict[str, float]:
    """Run random pictures through both.

    Where the K-th and the next score of a picture are equal but for rounding, it is chance whose
    maps are averaged: then its map is not compared.

    Args:
        exported (ExportedClassifier): The classifier.
        run (Callable): The file: takes the same inputs, gives the same outputs.
        batches (Sequence[int]): Numbers of pictures.
        view_size (tuple[int, int]): Height and width of the pictures.

    Returns:
        dict[str, float]: The largest absolute difference of each output.

    Raises:
        ExportError: They differ by more than :data:`TOLERANCE`, or no map could be compared.
    """
    largest: dict[str, float] = {}
    for seed, batch in enumerate(batches):
        inputs = random_inputs(exported, batch, view_size, seed)
        expected, actual = exported(*inputs), run(*inputs)
        scales = (expected[0].amax(1, keepdim=True), _map_scale(expected[1]))
        all_of_them = torch.ones(batch, dtype=torch.bool)
        decided = all_of_them
        if exported.topk not in (None, exported.num_classes):
            decided = _decided(exported.score1(inputs[0]), exported.topk)
        for name, *values, rows in zip(
            exported.output_names, expected, actual, scales, (all_of_them, decided)
        ):
            _require_same_shape(name, *values[:2])
            if rows.any():
                difference = _difference(name, *(value[rows] for value in values))
                largest[name] = max(largest.get(name, 0.0), difference)
    if len(largest) < len(exported.output_names):
        raise ExportError(
            f'the {exported.topk} classes with the highest scores are not determined on any random '
            'picture, because scores are equal: the maps cannot be checked (--no-check writes the '
            'file all the same)'
        )
    return largest


def _decided(score1: torch.Tensor, topk: int) -> torch.Tensor:
    """Whether the K-th score is above the next one by more than rounding: (N, C) to (N,)."""
    top = score1.topk(topk + 1, dim=1).values
    return top[:, -2] - top[:, -1] > 1e-5 * score1.abs().amax(1)


def _map_scale(maps: torch.Tensor) -> torch.Tensor:
    """What :data:`TOLERANCE` is a part of, for each map: (N, ..., h, w) to (N, ..., 1, 1)."""
    span = maps.amax((-2, -1), keepdim=True) - maps.amin((-2, -1), keepdim=True)
    greatest = maps.abs().amax(tuple(range(1, maps.ndim)), keepdim=True)
    return torch.maximum(span.clamp(max=1), greatest * (_ROUNDING / TOLERANCE))


def _require_same_shape(name: str, expected: torch.Tensor, actual: torch.Tensor) -> None:
    if actual.shape != expected.shape:
        raise ExportError(
            f'{name} of the file has the shape {tuple(actual.shape)}, of the classifier '
            f'{tuple(expected.shape)}'
        )


def _difference(
    name: str, expected: torch.Tensor, actual: torch.Tensor, scale: torch.Tensor
) -> float:
    """The largest absolute difference, unless one is above :data:`TOLERANCE` times its scale."""
    difference = (actual - expected).abs()
    # The other way round, NaN would pass.
    if not (difference <= TOLERANCE * scale).all():
        raise ExportError(
            f'{name} of the file and of the classifier differ by {difference.max():.3g}, more than '
            f'{TOLERANCE:g} allows. --no-check writes the file all the same'
        )
    return difference.max().item()
