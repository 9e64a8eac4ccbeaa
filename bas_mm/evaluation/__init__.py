"""Localization metrics: registered classes over pure functions.

The metrics are resolved on first use: their worker processes, which import this package as well,
need no torch, and start at once without it.
"""

from bas_mm.utils.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, dict.fromkeys(__all__, 'metrics'))
