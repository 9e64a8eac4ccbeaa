from .bas_classifier import BASClassifier
from .cam_classifier import CAMClassifier
from .localization_classifier import LocalizationClassifier, LocalizationTestCfg

__all__ = ['BASClassifier', 'CAMClassifier', 'LocalizationClassifier', 'LocalizationTestCfg']
