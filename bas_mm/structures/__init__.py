"""What bas_mm hands out about a picture."""

from .localization_prediction import LocalizationPrediction
from .seed_prediction import SeedPrediction
from .segmentation_prediction import SegmentationPrediction

__all__ = ['LocalizationPrediction', 'SeedPrediction', 'SegmentationPrediction']
