"""One animal: drawn in its own coordinates, then painted at a place of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .backgrounds import muted_colour
from .heads import HEADS, Layer
from .shapes import blob, fill, limb, pose_matrix, transform
from .species import Species
from .textures import PATTERNS, smooth_noise

__all__ = ['Animal', 'AnimalParams', 'draw_animal', 'paint_animal', 'pose_at']


@dataclass(frozen=True)
class AnimalParams:
    """What may be set about animals.

    Args:
        body_contrast: Range of the contrast of the body's pattern (share of its brightness).
        body_noise: Contrast of the mottling that bodies of all classes have.
        head_scale: Range of the head's radius in units of the trunk's length.
        max_turn: Largest turn of the animal in radians, either way.
    """

    body_contrast: tuple[float, float] = (0.15, 0.25)
    body_noise: float = 0.12
    head_scale: tuple[float, float] = (0.14, 0.17)
    max_turn: float = 0.35


@dataclass(frozen=True)
class Animal:
    """An animal without a place: polygons in object coordinates, see :mod:`.shapes`.

    Args:
        family: Its body's pattern.
        far: Limbs behind the trunk.
        near: The other parts of the body.
        head: The layers of the head.
        turn: 2x3 matrix that turns and mirrors it, at scale 1.
        low: Least x and y of the turned animal.
        high: Largest x and y of it.
    """

    family: str
    far: list[np.ndarray]
    near: list[np.ndarray]
    head: list[Layer]
    turn: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def extent(self) -> np.ndarray:
        """(2,) width and height of the turned animal at scale 1."""
        return self.high - self.low


def draw_animal(rng: np.random.Generator, species: Species, params: AnimalParams) -> Animal:
    """Draw the proportions, the turn and the direction of an animal.

    What depends on ``species`` is the pattern of the body and the kind of the head, nothing else.

    Args:
        rng: Source of everything random.
        species: The class.
        params: See :class:`AnimalParams`.
    """
    far, near, head_at = _trunk(rng)
    head_radius = rng.uniform(*params.head_scale)
    tilt = pose_matrix(head_radius, rng.uniform(-0.25, 0.25), False, tuple(head_at))
    head = [(transform(polygon, tilt), colour) for polygon, colour in HEADS[species.head]()]
    angle = rng.uniform(-params.max_turn, params.max_turn)
    turn = pose_matrix(1.0, angle, bool(rng.integers(2)), (0.0, 0.0))
    points = transform(np.concatenate([*far, *near, *(polygon for polygon, _ in head)]), turn)
    return Animal(species.family, far, near, head, turn, points.min(axis=0), points.max(axis=0))


def pose_at(animal: Animal, scale: float, corner: np.ndarray) -> np.ndarray:
    """2x3 matrix from the animal's coordinates to pixels.

    Args:
        animal: The animal.
        scale: Pixels per unit.
        corner: x, y in pixels where the upper left corner of its rectangle goes.
    """
    pose = scale * animal.turn
    pose[:, 2] = corner - scale * animal.low
    return pose


def paint_animal(
    image: np.ndarray,
    rng: np.random.Generator,
    animal: Animal,
    scale: float,
    corner: np.ndarray,
    params: AnimalParams,
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Paint an animal over a picture.

    Colours and light are drawn here, whatever the class.

    Args:
        image: BGR float32 (H, W, 3), changed in place. The animal must lie in it.
        rng: Source of everything random.
        animal: The animal.
        scale: Pixels per unit.
        corner: x, y in pixels where the upper left corner of its rectangle goes.
        params: See :class:`AnimalParams`.

    Returns:
        Its mask (h, w), uint8, 255 on the animal, and the rows and columns of ``image`` that the
        mask covers.
    """
    pose = pose_at(animal, scale, corner)
    # Only the animal's rectangle is painted, through a view of the picture.
    origin = np.floor(corner).astype(int)
    end = np.ceil(corner + scale * animal.extent).astype(int) + 1
    end = np.minimum(end, image.shape[1::-1])
    region = slice(origin[1], end[1]), slice(origin[0], end[0])
    window = image[region]
    coat = _coat(rng, animal.family, params, pose, origin, window.shape[:2])
    local = pose.copy()
    local[:, 2] -= origin
    inside = np.zeros(window.shape[:2], dtype=np.uint8)
    for polygon in animal.far:
        inside |= _paint(window, transform(polygon, local), 0.75 * coat)
    for polygon in animal.near:
        inside |= _paint(window, transform(polygon, local), coat)
    brightness = rng.uniform(0.8, 1.1)
    for polygon, colour in animal.head:
        inside |= _paint(window, transform(polygon, local), brightness * np.array(colour))
    return inside, region


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
    family: str,
    params: AnimalParams,
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
    pattern = PATTERNS[family](frequency * x + phase[0], frequency * y + phase[1])
    mottle = smooth_noise(rng, shape, 16)
    light = -0.35 * np.clip(y, -0.5, 0.6)
    contrast = rng.uniform(*params.body_contrast)
    shade = 1 + contrast * pattern + params.body_noise * mottle + light
    return muted_colour(rng) * shade[..., None].astype(np.float32)
