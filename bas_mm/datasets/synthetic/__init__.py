"""A data set that is generated, not downloaded."""

from .render import Picture, RenderParams, render, tight_box
from .species import SPECIES, Species, class_names
from .synthetic_parts import SyntheticParts
from .writer import SetParams, make_picture, require_set, set_name

__all__ = [
    'SPECIES',
    'Picture',
    'RenderParams',
    'SetParams',
    'Species',
    'SyntheticParts',
    'class_names',
    'make_picture',
    'render',
    'require_set',
    'set_name',
    'tight_box',
]
