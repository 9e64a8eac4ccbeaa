"""What scripts call: inferencers, and the protocol that trains, chooses and tests.

Names that take time to import are resolved on first use, so that importing the package costs
nothing.
"""

from bas_mm.utils.lazy_names import lazy_names
from bas_mm.utils.named_configs import config_names, find_config

_HOMES = {
    'ActivationCurves': 'activation_sweep',
    'COLUMNS': 'localization_protocol',
    'FinishedRun': 'localization_report',
    'LocalizationInferencer': 'localization_inferencer',
    'LocalizationResult': 'localization_protocol',
    'MaskActivations': 'activation_sweep',
    'SegmentationInferencer': 'segmentation_inferencer',
    'SegmentationSeedInferencer': 'segmentation_seed_inferencer',
    'activation_curves': 'activation_sweep',
    'choose_checkpoint_and_test': 'localization_protocol',
    'choose_threshold_and_test': 'localization_protocol',
    'describe_shared_pictures': 'localization_protocol',
    'markdown_table': 'localization_protocol',
    'mask_activations': 'activation_sweep',
    'picture_files': 'localization_protocol',
    'require_comparable_runs': 'localization_report',
    'require_whole_run': 'localization_protocol',
    'results_table': 'localization_protocol',
    'run_for_report': 'localization_report',
    'set_thresholds': 'localization_protocol',
    'sweep_masks': 'activation_sweep',
    'train_and_test': 'localization_protocol',
    'write_comparison_pictures': 'comparison_pictures',
    'write_report': 'localization_report',
}

__all__ = [*_HOMES, 'config_names', 'find_config']

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
