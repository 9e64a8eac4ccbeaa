"""The classes of the synthetic set: eight chimeras, each a body family with a head of its own."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ['SCENE_SPECIES', 'SPECIES', 'Species', 'class_names', 'scene_class_names']


@dataclass(frozen=True)
class Species:
    """What a class looks like; everything else about a picture is drawn at random.

    Args:
        name: Class name, ``family_head``.
        family: Pattern of the body (a key of :data:`.textures.PATTERNS`). Two classes share it.
        head: Kind of head (a key of :data:`.heads.HEADS`). Only this class has it.
    """

    name: str
    family: str
    head: str


# Neighbours share the body: the body says which of four families, only the head says which class.
SPECIES: tuple[Species, ...] = tuple(
    Species(f'{family}_{head}', family, head)
    for family, head in (
        ('banded', 'fox'),
        ('banded', 'owl'),
        ('spotted', 'parrot'),
        ('spotted', 'panda'),
        ('netted', 'ram'),
        ('netted', 'frog'),
        ('lined', 'heron'),
        ('lined', 'lion'),
    )
)

# The classes of scenes: the first four have a body of their own each, the others share one with
# them. A scene does not tell which animal a label belongs to: with a body that says as much as the
# head there is something to be learnt from labels about the whole animal.
SCENE_SPECIES: tuple[Species, ...] = SPECIES[::2] + SPECIES[1::2]


def class_names(num_classes: int) -> tuple[str, ...]:
    """Names of the first ``num_classes`` classes.

    Args:
        num_classes: An even number from 2 to 8, so that every body family has both its classes.

    Raises:
        ValueError: For any other number.
    """
    if not 2 <= num_classes <= len(SPECIES) or num_classes % 2:
        raise ValueError(
            f'num_classes must be an even number from 2 to {len(SPECIES)} '
            f'(classes come in pairs with the same body), got {num_classes}'
        )
    return tuple(species.name for species in SPECIES[:num_classes])


def scene_class_names(num_classes: int) -> tuple[str, ...]:
    """Names of the first ``num_classes`` classes of scenes.

    Args:
        num_classes: From 2 to 8.

    Raises:
        ValueError: For any other number.
    """
    if not 2 <= num_classes <= len(SCENE_SPECIES):
        raise ValueError(f'num_classes must be 2 to {len(SCENE_SPECIES)}, got {num_classes}')
    return tuple(species.name for species in SCENE_SPECIES[:num_classes])
