"""Registered metrics: thin shells over :mod:`bas_mm.evaluation.functional`."""

from .localization_metric import LocalizationMetric

__all__ = ['LocalizationMetric']
