from .backbones import *  # noqa: F403
from .classifiers import (
    BASClassifier,
    BASSegClassifier,
    CAMClassifier,
    ClassMapClassifier,
    LocalizationClassifier,
    MultiLabelCAMClassifier,
    MultiLabelClassifier,
)
from .data_preprocessors import LocalizationDataPreprocessor
from .generators import ForegroundGenerator
from .heads import BASHead, BASSegHead, CAMHead, MultiLabelCAMHead
from .losses import AMCLoss, PositivesAgainstNegativesLoss
from .splits import BackboneSplit
from .weights import PretrainedBackbone

__all__ = [
    'AMCLoss',
    'BASClassifier',
    'BASHead',
    'BASSegClassifier',
    'BASSegHead',
    'BackboneSplit',
    'CAMClassifier',
    'CAMHead',
    'ClassMapClassifier',
    'ForegroundGenerator',
    'LocalizationClassifier',
    'LocalizationDataPreprocessor',
    'MultiLabelCAMClassifier',
    'MultiLabelCAMHead',
    'MultiLabelClassifier',
    'PositivesAgainstNegativesLoss',
    'PretrainedBackbone',
]
