"""Localization metrics as pure functions: arrays in, arrays out, no model and no registry."""

from .box_acc import BOX_ACC_DELTAS, BoxAccFigures, box_acc_counts, box_acc_figures
from .boxes import box_iou
from .classification import class_ranks
from .component_tree import LevelComponents, level_components
from .components import largest_component_box
from .contours import ContourBoxes, LevelBoxes, contour_boxes, level_boxes
from .detections import detected_box
from .grown_masks import grown_masks
from .maps import map_to_original, normalize_map, resize_map
from .pixels import (
    PIXEL_EDGES,
    PixelCurve,
    PixelFigures,
    best_pixel_iou,
    pixel_curve,
    pixel_figures,
    pixel_histograms,
    view_mask,
)
from .protocol_a import (
    PROTOCOL_A_CRITERIA,
    PROTOCOL_A_THRESHOLDS,
    choose_threshold,
    figure_at,
    protocol_a_box,
    protocol_a_boxes,
    protocol_a_counts,
    protocol_a_figures,
    protocol_a_ious,
    protocol_a_map,
)
from .protocol_b import (
    PROTOCOL_B_TAUS,
    ProtocolBIoUs,
    protocol_b_boxes,
    protocol_b_ious,
    protocol_b_map,
)

__all__ = [
    'BOX_ACC_DELTAS',
    'BoxAccFigures',
    'ContourBoxes',
    'LevelBoxes',
    'LevelComponents',
    'PIXEL_EDGES',
    'PROTOCOL_A_CRITERIA',
    'PROTOCOL_A_THRESHOLDS',
    'PROTOCOL_B_TAUS',
    'PixelCurve',
    'PixelFigures',
    'ProtocolBIoUs',
    'best_pixel_iou',
    'box_acc_counts',
    'box_acc_figures',
    'box_iou',
    'choose_threshold',
    'class_ranks',
    'contour_boxes',
    'detected_box',
    'figure_at',
    'grown_masks',
    'largest_component_box',
    'level_boxes',
    'level_components',
    'map_to_original',
    'normalize_map',
    'pixel_curve',
    'pixel_figures',
    'pixel_histograms',
    'protocol_a_box',
    'protocol_a_boxes',
    'protocol_a_counts',
    'protocol_a_figures',
    'protocol_a_ious',
    'protocol_a_map',
    'protocol_b_boxes',
    'protocol_b_ious',
    'protocol_b_map',
    'resize_map',
    'view_mask',
]
