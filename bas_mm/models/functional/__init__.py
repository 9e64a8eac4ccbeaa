from .bas import (
    area,
    at_least_float32,
    background_activation_suppression,
    background_features,
    foreground_score,
    take_class,
    z,
)
from .frozen_pass import frozen_pass, untracked_statistics
from .multi_label import draw_positive_class, positives_against_negatives
from .multi_scale import maximum_of_scales, resize_labels, scaled_size

__all__ = [
    'area',
    'at_least_float32',
    'background_activation_suppression',
    'background_features',
    'draw_positive_class',
    'foreground_score',
    'frozen_pass',
    'maximum_of_scales',
    'positives_against_negatives',
    'resize_labels',
    'scaled_size',
    'take_class',
    'untracked_statistics',
    'z',
]
