"""Registered metrics: thin shells over :mod:`bas_mm.evaluation.functional`."""

from .localization_metric import LocalizationMetric
from .max_box_acc import MaxBoxAcc
from .max_box_acc_v2 import MaxBoxAccV2
from .px_ap import PxAP

__all__ = ['LocalizationMetric', 'MaxBoxAcc', 'MaxBoxAccV2', 'PxAP']
