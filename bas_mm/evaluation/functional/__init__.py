"""Localization metrics as pure functions: arrays in, arrays out, no model and no registry."""

from .boxes import box_iou
from .classification import class_ranks
from .components import largest_component_box
from .maps import normalize_map, resize_map
from .protocol_a import (
    choose_threshold,
    protocol_a_boxes,
    protocol_a_counts,
    protocol_a_ious,
)

__all__ = [
    'box_iou',
    'choose_threshold',
    'class_ranks',
    'largest_component_box',
    'normalize_map',
    'protocol_a_boxes',
    'protocol_a_counts',
    'protocol_a_ious',
    'resize_map',
]
