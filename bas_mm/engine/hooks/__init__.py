from .checkpoint_keys_hook import CheckpointKeysHook
from .class_count_hook import ClassCountHook
from .epoch_seed_hook import EpochSeedHook
from .localization_visualization_hook import LocalizationVisualizationHook
from .non_finite_loss_hook import NonFiniteLossHook

__all__ = [
    'CheckpointKeysHook',
    'ClassCountHook',
    'EpochSeedHook',
    'LocalizationVisualizationHook',
    'NonFiniteLossHook',
]
