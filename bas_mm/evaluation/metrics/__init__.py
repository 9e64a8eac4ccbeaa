"""Registered metrics: thin shells over :mod:`bas_mm.evaluation.functional`."""

from .coco_box_writer import CocoBoxWriter
from .detection_localization_metric import DetectionLocalizationMetric
from .localization_metric import LocalizationMetric
from .map_writer import MapWriter
from .max_box_acc import MaxBoxAcc
from .max_box_acc_v2 import MaxBoxAccV2
from .px_ap import PxAP
from .view_box_acc import ViewBoxAcc

__all__ = [
    'CocoBoxWriter',
    'DetectionLocalizationMetric',
    'LocalizationMetric',
    'MapWriter',
    'MaxBoxAcc',
    'MaxBoxAccV2',
    'PxAP',
    'ViewBoxAcc',
]
