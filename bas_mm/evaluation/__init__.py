"""Localization metrics: registered classes over pure functions."""

from .metrics import (
    CocoBoxWriter,
    DetectionLocalizationMetric,
    LocalizationMetric,
    MapWriter,
    MaxBoxAcc,
    MaxBoxAccV2,
    PxAP,
    ViewBoxAcc,
)

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
