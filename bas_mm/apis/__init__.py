"""What scripts call: inferencers, and the protocol that trains, chooses and tests.

Names that take time to import are resolved on first use, so that importing the package costs
nothing.
"""

from typing import TYPE_CHECKING

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

# What type checkers see: a name that is not here is an error to them.
if TYPE_CHECKING:
    from .activation_sweep import ActivationCurves as ActivationCurves
    from .activation_sweep import MaskActivations as MaskActivations
    from .activation_sweep import activation_curves as activation_curves
    from .activation_sweep import mask_activations as mask_activations
    from .activation_sweep import sweep_masks as sweep_masks
    from .comparison_pictures import write_comparison_pictures as write_comparison_pictures
    from .localization_inferencer import LocalizationInferencer as LocalizationInferencer
    from .localization_protocol import COLUMNS as COLUMNS
    from .localization_protocol import LocalizationResult as LocalizationResult
    from .localization_protocol import choose_checkpoint_and_test as choose_checkpoint_and_test
    from .localization_protocol import choose_threshold_and_test as choose_threshold_and_test
    from .localization_protocol import describe_shared_pictures as describe_shared_pictures
    from .localization_protocol import markdown_table as markdown_table
    from .localization_protocol import picture_files as picture_files
    from .localization_protocol import require_whole_run as require_whole_run
    from .localization_protocol import results_table as results_table
    from .localization_protocol import set_thresholds as set_thresholds
    from .localization_protocol import train_and_test as train_and_test
    from .localization_report import FinishedRun as FinishedRun
    from .localization_report import require_comparable_runs as require_comparable_runs
    from .localization_report import run_for_report as run_for_report
    from .localization_report import write_report as write_report
    from .segmentation_inferencer import SegmentationInferencer as SegmentationInferencer
    from .segmentation_seed_inferencer import (
        SegmentationSeedInferencer as SegmentationSeedInferencer,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
