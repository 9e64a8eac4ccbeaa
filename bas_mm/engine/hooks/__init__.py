from .checkpoint_keys_hook import CheckpointKeysHook, require_all_weights
from .class_count_hook import ClassCountHook
from .displacement_mean_hook import DisplacementMeanHook
from .epoch_seed_hook import EpochSeedHook
from .localization_visualization_hook import LocalizationVisualizationHook
from .needed_boxes_hook import NeededBoxesHook
from .non_finite_loss_hook import NonFiniteLossHook

__all__ = [
    'CheckpointKeysHook',
    'ClassCountHook',
    'DisplacementMeanHook',
    'EpochSeedHook',
    'LocalizationVisualizationHook',
    'NeededBoxesHook',
    'NonFiniteLossHook',
    'require_all_weights',
]
