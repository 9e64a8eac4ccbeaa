"""Localization metrics: registered classes over pure functions.

The metrics are resolved on first use: their worker processes, which import this package as well,
need no torch, and start at once without it.
"""

from typing import TYPE_CHECKING

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

# What type checkers see: a name that is not here is an error to them.
if TYPE_CHECKING:
    from .metrics import CocoBoxWriter as CocoBoxWriter
    from .metrics import DetectionLocalizationMetric as DetectionLocalizationMetric
    from .metrics import LocalizationMetric as LocalizationMetric
    from .metrics import MapWriter as MapWriter
    from .metrics import MaxBoxAcc as MaxBoxAcc
    from .metrics import MaxBoxAccV2 as MaxBoxAccV2
    from .metrics import PxAP as PxAP
    from .metrics import ViewBoxAcc as ViewBoxAcc
else:
    __getattr__, __dir__ = lazy_names(__name__, dict.fromkeys(__all__, 'metrics'))
