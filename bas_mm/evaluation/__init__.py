"""Localization metrics: registered classes over pure functions."""
