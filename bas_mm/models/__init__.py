from .affinity import BoundaryBranch, DisplacementBranch, IRNet, MeanShift
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
from .heads import BASHead, BASSegHead, CAMHead, DeepLabV2Head, MultiLabelCAMHead
from .layers import WaitFreeSyncBatchNorm
from .losses import AMCLoss, PositivesAgainstNegativesLoss
from .segmentors import MultiScaleEncoderDecoder
from .splits import BackboneSplit
from .weights import PretrainedBackbone

__all__ = [
    'AMCLoss',
    'BASClassifier',
    'BASHead',
    'BASSegClassifier',
    'BASSegHead',
    'BackboneSplit',
    'BoundaryBranch',
    'CAMClassifier',
    'CAMHead',
    'ClassMapClassifier',
    'DeepLabV2Head',
    'DisplacementBranch',
    'ForegroundGenerator',
    'IRNet',
    'LocalizationClassifier',
    'LocalizationDataPreprocessor',
    'MeanShift',
    'MultiLabelCAMClassifier',
    'MultiLabelCAMHead',
    'MultiLabelClassifier',
    'MultiScaleEncoderDecoder',
    'PositivesAgainstNegativesLoss',
    'PretrainedBackbone',
    'WaitFreeSyncBatchNorm',
]
