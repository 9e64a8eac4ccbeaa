from .bas_classifier import BASClassifier
from .bas_seg_classifier import BASSegClassifier
from .cam_classifier import CAMClassifier
from .class_map_classifier import ClassMapClassifier
from .localization_classifier import LocalizationClassifier, LocalizationTestCfg
from .multi_label_cam_classifier import MultiLabelCAMClassifier
from .multi_label_classifier import MultiLabelClassifier

__all__ = [
    'BASClassifier',
    'BASSegClassifier',
    'CAMClassifier',
    'ClassMapClassifier',
    'LocalizationClassifier',
    'LocalizationTestCfg',
    'MultiLabelCAMClassifier',
    'MultiLabelClassifier',
]
