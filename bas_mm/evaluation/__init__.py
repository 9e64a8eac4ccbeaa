"""Localization metrics: registered classes over pure functions."""

from .metrics import LocalizationMetric

__all__ = ['LocalizationMetric']
