from .comparison_pictures import write_comparison_pictures
from .localization_protocol import (
    LocalizationResult,
    choose_threshold_and_test,
    results_table,
    train_and_test,
)

__all__ = [
    'LocalizationResult',
    'choose_threshold_and_test',
    'results_table',
    'train_and_test',
    'write_comparison_pictures',
]
