"""Data sets that are generated, not downloaded."""

from .render import Picture, RenderParams, render, tight_box
from .scene import Scene, SceneParams, class_mask, render_scene
from .scene_writer import SceneSetParams, make_scene, require_scenes, scene_set_name
from .segmentation_scenes import SegmentationScenes
from .species import SCENE_SPECIES, SPECIES, Species, class_names, scene_class_names
from .synthetic_parts import SyntheticParts
from .synthetic_scenes import SyntheticScenes
from .writer import SetParams, make_picture, require_set, set_name

__all__ = [
    'SCENE_SPECIES',
    'SPECIES',
    'Picture',
    'RenderParams',
    'Scene',
    'SceneParams',
    'SceneSetParams',
    'SegmentationScenes',
    'SetParams',
    'Species',
    'SyntheticParts',
    'SyntheticScenes',
    'class_mask',
    'class_names',
    'scene_class_names',
    'make_picture',
    'make_scene',
    'render',
    'render_scene',
    'require_scenes',
    'require_set',
    'scene_set_name',
    'set_name',
    'tight_box',
]
