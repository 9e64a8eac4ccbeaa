"""A picture with one to three animals of one to three classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .animal import Animal, AnimalParams, draw_animal, paint_animal, pose_at
from .backgrounds import background
from .render import tight_box
from .shapes import fill, transform
from .species import SCENE_SPECIES

__all__ = ['Scene', 'SceneParams', 'class_mask', 'draw_labels', 'render_scene']

# Everything is painted this many times larger and averaged down: smooth edges.
_OVERSAMPLING = 2
# The largest number of animals in a picture.
_MOST_ANIMALS = 3
# How often a picture has one, two and three classes.
_NUM_CLASSES_SHARES = (0.4, 0.5, 0.1)
# How often a further animal, of a class that is there already, is added.
_ANOTHER_ANIMAL = 0.25
# So many places are tried before the animal is made smaller by the factor.
_TRIES, _SMALLER = 8, 0.9
# Space between animals and the picture's edge, as a share of its shorter side.
_MARGIN = 0.02


@dataclass(frozen=True)
class SceneParams(AnimalParams):
    """What may be set about scenes, besides :class:`~.animal.AnimalParams`.

    Args:
        image_size: Shorter and longer side of the pictures in pixels.
        size_jitter: By how many pixels each side of a picture may be longer or shorter, so that
            sides are seldom multiples of a network's stride.
        portrait: Share of the pictures that are higher than wide.
        min_scale, max_scale: Range of an animal's longer box side, as a share of the picture's
            shorter side. It is smaller only where the animals would hide each other.
        min_visible: Least share of an animal that the animals before it may leave visible.
        min_head_visible: The same for its head, which alone says the class.
        num_distractors: Range of the number of clutter shapes (both ends included).
    """

    image_size: tuple[int, int] = (112, 144)
    size_jitter: int = 4
    portrait: float = 0.3
    min_scale: float = 0.5
    max_scale: float = 0.85
    min_visible: float = 0.65
    min_head_visible: float = 0.9
    num_distractors: tuple[int, int] = (6, 12)
    # Larger than where there is one animal: it must be learned beside others.
    body_contrast: tuple[float, float] = (0.2, 0.3)
    head_scale: tuple[float, float] = (0.17, 0.2)
    max_turn: float = 0.3

    def __post_init__(self) -> None:
        shorter, longer = self.image_size
        if not 0 <= self.size_jitter < shorter or shorter - self.size_jitter < 32:
            raise ValueError(
                f'image_size={self.image_size}, size_jitter={self.size_jitter}: sides must be at '
                'least 32 pixels'
            )
        if shorter > longer:
            raise ValueError(f'image_size={self.image_size}: the shorter side comes first')
        # An animal and two margins must fit.
        if not 0 < self.min_scale <= self.max_scale <= 1 - 2 * _MARGIN:
            raise ValueError(
                f'min_scale={self.min_scale}, max_scale={self.max_scale}: a range within 0 and '
                f'{1 - 2 * _MARGIN} is needed'
            )


@dataclass(frozen=True)
class Scene:
    """A rendered scene.

    Args:
        image: BGR uint8 (H, W, 3).
        owners: uint8 (H, W): 0 on the background, k + 1 where animal k is seen.
        labels: The class of each animal, counted from 0.
        boxes: x0, y0, x1, y1 of the visible part of each animal, both corners inclusive.
    """

    image: np.ndarray
    owners: np.ndarray
    labels: tuple[int, ...]
    boxes: tuple[tuple[int, int, int, int], ...]


def draw_labels(rng: np.random.Generator, first: int, num_classes: int) -> tuple[int, ...]:
    """Draw the classes of a scene's animals.

    Args:
        rng: Source of everything random.
        first: A class that is there in any case, so that a set can be balanced.
        num_classes: How many classes there are.

    Returns:
        The class of each animal, from the farthest to the nearest.
    """
    kinds = min(1 + int(rng.choice(len(_NUM_CLASSES_SHARES), p=_NUM_CLASSES_SHARES)), num_classes)
    others = rng.permutation([label for label in range(num_classes) if label != first])
    labels = [first, *others[: kinds - 1].tolist()]
    while len(labels) < _MOST_ANIMALS and rng.uniform() < _ANOTHER_ANIMAL:
        labels.append(labels[rng.integers(kinds)])
    return tuple(rng.permutation(labels).tolist())


def render_scene(rng: np.random.Generator, labels: Sequence[int], params: SceneParams) -> Scene:
    """Paint a scene.

    Args:
        rng: Source of everything random.
        labels: The class of each animal, from the farthest to the nearest.
        params: See :class:`SceneParams`.
    """
    shape = _draw_shape(rng, params)
    distractors = int(rng.integers(*params.num_distractors, endpoint=True))
    canvas = background(rng, max(shape), _OVERSAMPLING, distractors)
    canvas = canvas[: shape[0] * _OVERSAMPLING, : shape[1] * _OVERSAMPLING]

    animals = [draw_animal(rng, SCENE_SPECIES[label], params) for label in labels]
    owners = np.zeros(canvas.shape[:2], dtype=np.uint8)
    for number, (animal, (scale, corner)) in enumerate(
        zip(animals, _places(rng, animals, shape, params)), start=1
    ):
        inside, region = paint_animal(
            canvas, rng, animal, scale * _OVERSAMPLING, corner * _OVERSAMPLING, params
        )
        owners[region][inside > 0] = number

    side = shape[::-1]
    small = cv2.resize(canvas, side, interpolation=cv2.INTER_AREA)
    small += rng.normal(0, 4, size=small.shape)
    seen = np.zeros(shape, dtype=np.uint8)
    for number in range(1, len(labels) + 1):
        part = (owners == number).astype(np.float32)
        seen[cv2.resize(part, side, interpolation=cv2.INTER_AREA) > 0.5] = number
    return Scene(
        image=np.clip(np.round(small), 0, 255).astype(np.uint8),
        owners=seen,
        labels=tuple(labels),
        boxes=tuple(tight_box(seen == number) for number in range(1, len(labels) + 1)),
    )


def class_mask(owners: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """The mask of a scene as PASCAL VOC has it.

    Args:
        owners: uint8 (H, W), see :class:`Scene`.
        labels: The class of each animal, counted from 0.

    Returns:
        uint8 (H, W): 0 background, k + 1 class k, 255 on a border one pixel wide: around the
        animals, and where one hides another on the hidden one's side.
    """
    indices = np.array([0, *(label + 1 for label in labels)], dtype=np.uint8)
    mask = indices[owners]
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    mask[cv2.dilate(owners, cross) != owners] = 255
    return mask


def _draw_shape(rng: np.random.Generator, params: SceneParams) -> tuple[int, int]:
    """Height and width."""
    jitter = params.size_jitter
    shorter, longer = (
        int(side + rng.integers(-jitter, jitter, endpoint=True)) for side in params.image_size
    )
    return (longer, shorter) if rng.uniform() < params.portrait else (shorter, longer)


def _places(
    rng: np.random.Generator,
    animals: Sequence[Animal],
    shape: tuple[int, int],
    params: SceneParams,
) -> list[tuple[float, np.ndarray]]:
    """Scale and upper left corner of each animal in pixels; no later one hides too much."""
    size = np.array(shape[::-1])
    margin = _MARGIN * min(shape)
    places: list[tuple[float, np.ndarray]] = []
    # Of each placed animal and each head: what is still visible, and the least that must stay.
    visible: list[tuple[np.ndarray, float]] = []
    for animal in animals:
        share = rng.uniform(params.min_scale, params.max_scale)
        tries = 0
        while True:
            scale = share * min(shape) / animal.extent.max()
            corner = rng.uniform(margin, size - margin - scale * animal.extent)
            whole, head = _silhouettes(animal, pose_at(animal, scale, corner), shape)
            left = [(part & ~whole, least) for part, least in visible]
            if all(np.count_nonzero(part) >= least for part, least in left):
                break
            tries += 1
            if tries % _TRIES == 0:
                share *= _SMALLER
        places.append((scale, corner))
        visible = [
            *left,
            (whole, params.min_visible * np.count_nonzero(whole)),
            (head, params.min_head_visible * np.count_nonzero(head)),
        ]
    return places


def _silhouettes(
    animal: Animal, pose: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Masks (H, W), bool, of the whole animal and of its head."""
    head = np.zeros(shape, dtype=np.uint8)
    for polygon, _ in animal.head:
        fill(head, transform(polygon, pose))
    whole = head.copy()
    for polygon in (*animal.far, *animal.near):
        fill(whole, transform(polygon, pose))
    return whole > 0, head > 0
