from .backbones import *  # noqa: F403
from .classifiers import BASClassifier, CAMClassifier, LocalizationClassifier
from .data_preprocessors import LocalizationDataPreprocessor
from .generators import ForegroundGenerator
from .heads import BASHead, CAMHead
from .losses import AMCLoss
from .splits import BackboneSplit
from .weights import PretrainedBackbone

__all__ = [
    'AMCLoss',
    'BASClassifier',
    'BASHead',
    'BackboneSplit',
    'CAMClassifier',
    'CAMHead',
    'ForegroundGenerator',
    'LocalizationClassifier',
    'LocalizationDataPreprocessor',
    'PretrainedBackbone',
]
