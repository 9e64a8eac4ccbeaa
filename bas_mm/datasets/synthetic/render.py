"""One picture from one random generator: background, animal, mask, box."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .animal import AnimalParams, draw_animal, paint_animal
from .backgrounds import background
from .species import Species

__all__ = ['Picture', 'RenderParams', 'render', 'tight_box']

# Everything is painted this many times larger and averaged down: smooth edges.
_OVERSAMPLING = 3


@dataclass(frozen=True)
class RenderParams(AnimalParams):
    """What may be set about the pictures, besides :class:`~.animal.AnimalParams`.

    Args:
        image_size: Side of the square picture in pixels.
        min_scale, max_scale: Range of the object's longer box side, as a share of the picture's.
        num_distractors: Range of the number of clutter shapes (both ends included).
    """

    image_size: int = 96
    min_scale: float = 0.4
    max_scale: float = 0.8
    num_distractors: tuple[int, int] = (6, 12)


@dataclass(frozen=True)
class Picture:
    """A rendered picture.

    Args:
        image: BGR uint8 (H, W, 3).
        mask: uint8 (H, W): 1 on the animal (head and body), 0 elsewhere.
        box: x0, y0, x1, y1 of the mask, both corners inclusive.
    """

    image: np.ndarray
    mask: np.ndarray
    box: tuple[int, int, int, int]


def tight_box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The box of the non-zero pixels, both corners inclusive.

    Raises:
        ValueError: If the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise ValueError('an empty mask has no box')
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def render(rng: np.random.Generator, species: Species, params: RenderParams) -> Picture:
    """Paint one picture of one animal.

    What depends on ``species`` is the pattern of the body and the kind of the head, nothing else:
    colours, pose, proportions, lighting and the background are drawn from ``rng`` alone.

    Args:
        rng: Source of everything random.
        species: The class.
        params: See :class:`RenderParams`.
    """
    size = params.image_size * _OVERSAMPLING
    distractors = int(rng.integers(*params.num_distractors, endpoint=True))
    image = background(rng, params.image_size, _OVERSAMPLING, distractors)

    # The longer side of its box takes a drawn share of the picture, all of it visible.
    animal = draw_animal(rng, species, params)
    scale = rng.uniform(params.min_scale, params.max_scale) * size / animal.extent.max()
    margin = 0.02 * size
    corner = rng.uniform(margin, size - margin - scale * animal.extent)
    inside, region = paint_animal(image, rng, animal, scale, corner, params)
    whole = np.zeros((size, size), dtype=np.float32)
    whole[region] = inside

    side = (params.image_size, params.image_size)
    small = cv2.resize(image, side, interpolation=cv2.INTER_AREA)
    small += rng.normal(0, 4, size=small.shape)
    covered = cv2.resize(whole, side, interpolation=cv2.INTER_AREA)
    mask = (covered >= 127.5).astype(np.uint8)
    return Picture(
        image=np.clip(np.round(small), 0, 255).astype(np.uint8), mask=mask, box=tight_box(mask)
    )
