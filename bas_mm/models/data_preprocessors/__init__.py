from .localization_data_preprocessor import LocalizationDataPreprocessor

__all__ = ['LocalizationDataPreprocessor']
