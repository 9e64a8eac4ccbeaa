"""Localization metrics: registered classes over pure functions."""

from .metrics import LocalizationMetric, MaxBoxAcc, MaxBoxAccV2, PxAP

__all__ = ['LocalizationMetric', 'MaxBoxAcc', 'MaxBoxAccV2', 'PxAP']
