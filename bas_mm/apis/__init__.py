from .comparison_pictures import write_comparison_pictures
from .localization_protocol import (
    COLUMNS,
    LocalizationResult,
    choose_checkpoint_and_test,
    choose_threshold_and_test,
    markdown_table,
    results_table,
    set_thresholds,
    train_and_test,
)

__all__ = [
    'COLUMNS',
    'LocalizationResult',
    'choose_checkpoint_and_test',
    'choose_threshold_and_test',
    'markdown_table',
    'results_table',
    'set_thresholds',
    'train_and_test',
    'write_comparison_pictures',
]
