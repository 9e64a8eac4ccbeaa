"""Localization metrics: registered classes over pure functions.

The metrics are resolved on first use: their worker processes, which import this package as well,
need no torch, and start at once without it.
"""

from importlib import import_module

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


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f'{__name__}.metrics'), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    """With the names that are not resolved yet."""
    return sorted({*globals(), *__all__})
