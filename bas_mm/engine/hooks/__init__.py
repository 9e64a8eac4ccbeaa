from .checkpoint_keys_hook import CheckpointKeysHook, require_all_weights
from .class_count_hook import ClassCountHook
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .detection_visualization_hook import DetectionVisualizationHook
from .displacement_mean_hook import DisplacementMeanHook
from .empty_loader_hook import EmptyLoaderHook
from .epoch_seed_hook import EpochSeedHook
from .localization_visualization_hook import LocalizationVisualizationHook
from .needed_boxes_hook import NeededBoxesHook
from .non_finite_loss_hook import NonFiniteLossHook
from .whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'CheckpointKeysHook',
    'ClassCountHook',
    'DeferredRuntimeInfoHook',
    'DetectionVisualizationHook',
    'DisplacementMeanHook',
    'EmptyLoaderHook',
    'EpochSeedHook',
    'LocalizationVisualizationHook',
    'NeededBoxesHook',
    'NonFiniteLossHook',
    'WholeCheckpointHook',
    'require_all_weights',
]
