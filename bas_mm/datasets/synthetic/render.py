"""One picture from one random generator: background, animal, mask, box."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .backgrounds import background, muted_colour
from .heads import HEADS
from .shapes import blob, fill, limb, pose_matrix, transform
from .species import Species
from .textures import PATTERNS, smooth_noise

__all__ = ['Picture', 'RenderParams', 'render', 'tight_box']

# Everything is painted this many times larger and averaged down: smooth edges.
_OVERSAMPLING = 3


@dataclass(frozen=True)
class RenderParams:
    """What may be set about the pictures.

    Args:
        image_size: Side of the square picture in pixels.
        min_scale, max_scale: Range of the object's longer box side, as a share of the picture's.
        body_contrast: Range of the contrast of the body's pattern (share of its brightness).
        body_noise: Contrast of the mottling that bodies of all classes have.
        head_scale: Range of the head's radius in units of the trunk's length.
        max_turn: Largest turn of the object in radians, either way.
        num_distractors: Range of the number of clutter shapes (both ends included).
    """

    image_size: int = 96
    min_scale: float = 0.4
    max_scale: float = 0.8
    body_contrast: tuple[float, float] = (0.15, 0.25)
    body_noise: float = 0.12
    head_scale: tuple[float, float] = (0.14, 0.17)
    max_turn: float = 0.35
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


def _trunk(rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Polygons of a body in object coordinates: far limbs, near parts, and where the head goes."""
    height = rng.uniform(0.24, 0.32)
    trunk = blob(rng, (0.0, 0.0), (0.5, height), wobble=0.1)
    foot = height + rng.uniform(0.16, 0.28)
    legs = []
    for x in (-0.34, -0.22, 0.22, 0.34):
        step = rng.uniform(-0.08, 0.08)
        legs.append(limb((x, 0.5 * height), (x, height), (x + step, foot), (0.17, 0.09)))
    rise = rng.uniform(-0.35, 0.1)
    tail = limb((-0.42, -0.05), (-0.6, 0.0), (-0.72, rise), (0.12, 0.04))
    head = np.array([rng.uniform(0.5, 0.58), -rng.uniform(0.2, 0.38)])
    neck = limb((0.3, 0.0), (0.42, -0.1), tuple(head), (0.36, 0.2))
    return [legs[1], legs[2]], [tail, legs[0], legs[3], neck, trunk], head


def _paint(image: np.ndarray, polygon: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Paint a polygon (pixels) with a colour (3,) or colours (H, W, 3), in place; its mask."""
    mask = fill(np.zeros(image.shape[:2], dtype=np.uint8), polygon)
    inside = mask > 0
    image[inside] = colour[inside] if colour.ndim == 3 else colour
    return mask


def _coat(
    rng: np.random.Generator,
    species: Species,
    params: RenderParams,
    pose: np.ndarray,
    origin: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """Colours of the body in the rectangle of the animal, float32 (h, w, 3).

    A random dull colour, the family's pattern and a mottling that all bodies have, both fixed to
    the body, and light from above.
    """
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    columns, rows = columns + np.float32(origin[0]), rows + np.float32(origin[1])
    inverse = cv2.invertAffineTransform(pose).astype(np.float32)
    x = inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]
    y = inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]
    frequency, phase = rng.uniform(5.0, 7.0), rng.uniform(size=2)
    pattern = PATTERNS[species.family](frequency * x + phase[0], frequency * y + phase[1])
    mottle = smooth_noise(rng, shape, 16)
    light = -0.35 * np.clip(y, -0.5, 0.6)
    contrast = rng.uniform(*params.body_contrast)
    shade = 1 + contrast * pattern + params.body_noise * mottle + light
    return muted_colour(rng) * shade[..., None].astype(np.float32)


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

    # The animal in its own coordinates.
    far, near, head_at = _trunk(rng)
    head_radius = rng.uniform(*params.head_scale)
    tilt = pose_matrix(head_radius, rng.uniform(-0.25, 0.25), False, tuple(head_at))
    head = [(transform(polygon, tilt), colour) for polygon, colour in HEADS[species.head]()]

    # Its pose: the longer side of its box takes a drawn share of the picture, all of it visible.
    angle = rng.uniform(-params.max_turn, params.max_turn)
    turn = pose_matrix(1.0, angle, bool(rng.integers(2)), (0.0, 0.0))
    points = transform(np.concatenate([*far, *near, *(polygon for polygon, _ in head)]), turn)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = rng.uniform(params.min_scale, params.max_scale) * size / (high - low).max()
    margin = 0.02 * size
    corner = rng.uniform(margin, size - margin - scale * (high - low))
    pose = scale * turn
    pose[:, 2] = corner - scale * low

    # Only the animal's rectangle is painted from here on, through a view of the picture.
    origin = np.floor(corner).astype(int)
    end = np.minimum(np.ceil(corner + scale * (high - low)).astype(int) + 1, size)
    window = image[origin[1] : end[1], origin[0] : end[0]]
    coat = _coat(rng, species, params, pose, origin, window.shape[:2])
    local = pose.copy()
    local[:, 2] -= origin
    inside = np.zeros(window.shape[:2], dtype=np.uint8)
    for polygon in far:
        inside |= _paint(window, transform(polygon, local), 0.75 * coat)
    for polygon in near:
        inside |= _paint(window, transform(polygon, local), coat)
    brightness = rng.uniform(0.8, 1.1)
    for polygon, colour in head:
        inside |= _paint(window, transform(polygon, local), brightness * np.array(colour))
    whole = np.zeros((size, size), dtype=np.float32)
    whole[origin[1] : end[1], origin[0] : end[0]] = inside

    side = (params.image_size, params.image_size)
    small = cv2.resize(image, side, interpolation=cv2.INTER_AREA)
    small += rng.normal(0, 4, size=small.shape)
    covered = cv2.resize(whole, side, interpolation=cv2.INTER_AREA)
    mask = (covered >= 127.5).astype(np.uint8)
    return Picture(
        image=np.clip(np.round(small), 0, 255).astype(np.uint8), mask=mask, box=tight_box(mask)
    )
