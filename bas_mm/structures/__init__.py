"""What bas_mm hands out about a picture."""

from .localization_prediction import LocalizationPrediction
from .seed_prediction import SeedPrediction

__all__ = ['LocalizationPrediction', 'SeedPrediction']
