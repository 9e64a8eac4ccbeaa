from .activation_checkpoint import checkpoints_itself, run_chain, run_checkpointed
from .affinity_losses import boundary_losses, displacement_losses, pair_counts, pair_kinds
from .affinity_paths import pair_offsets
from .bas import (
    area,
    at_least_float32,
    background_activation_suppression,
    background_features,
    foreground_score,
    take_class,
    take_maps,
    top_classes,
    z,
)
from .class_convolution import class_convolution
from .feature_map import require_channels, require_feature_map
from .frozen_pass import frozen_pass, untracked_statistics
from .multi_label import draw_positive_class, labelled_weights, positives_against_negatives
from .multi_scale import maximum_of_scales, resize_labels, scaled_size
from .random_walk import neighbour_affinities, propagate, random_walk, seeds_to_labels
from .synchronised_norm import synchronised_batch_norm

__all__ = [
    'area',
    'at_least_float32',
    'background_activation_suppression',
    'background_features',
    'boundary_losses',
    'checkpoints_itself',
    'class_convolution',
    'displacement_losses',
    'draw_positive_class',
    'foreground_score',
    'frozen_pass',
    'labelled_weights',
    'maximum_of_scales',
    'neighbour_affinities',
    'pair_counts',
    'pair_kinds',
    'pair_offsets',
    'positives_against_negatives',
    'propagate',
    'random_walk',
    'require_channels',
    'require_feature_map',
    'resize_labels',
    'run_chain',
    'run_checkpointed',
    'scaled_size',
    'seeds_to_labels',
    'synchronised_batch_norm',
    'take_class',
    'take_maps',
    'top_classes',
    'untracked_statistics',
    'z',
]
