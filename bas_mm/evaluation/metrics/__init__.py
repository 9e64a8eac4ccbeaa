"""Registered metrics: thin shells over :mod:`bas_mm.evaluation.functional`."""

from .localization_metric import LocalizationMetric
from .map_writer import MapWriter
from .max_box_acc import MaxBoxAcc
from .max_box_acc_v2 import MaxBoxAccV2
from .px_ap import PxAP
from .view_box_acc import ViewBoxAcc

__all__ = [
    'LocalizationMetric',
    'MapWriter',
    'MaxBoxAcc',
    'MaxBoxAccV2',
    'PxAP',
    'ViewBoxAcc',
]
