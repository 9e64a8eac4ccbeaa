"""Localization metrics: registered classes over pure functions."""

from .metrics import LocalizationMetric, MapWriter, MaxBoxAcc, MaxBoxAccV2, PxAP, ViewBoxAcc

__all__ = ['LocalizationMetric', 'MapWriter', 'MaxBoxAcc', 'MaxBoxAccV2', 'PxAP', 'ViewBoxAcc']
