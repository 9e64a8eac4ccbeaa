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

__all__ = [
    'area',
    'at_least_float32',
    'background_activation_suppression',
    'background_features',
    'foreground_score',
    'frozen_pass',
    'take_class',
    'untracked_statistics',
    'z',
]
