"""Readers of annotated picture sets, and the transforms for them."""

from .base_localization_dataset import BaseLocalizationDataset
from .cub import CUB200
from .errors import AnnotationError, UnreadableImageError
from .ilsvrc import ILSVRC
from .split_folder import SplitFolder
from .synthetic import SyntheticParts
from .transforms import *  # noqa: F401,F403

__all__ = [
    'AnnotationError',
    'BaseLocalizationDataset',
    'CUB200',
    'ILSVRC',
    'SplitFolder',
    'SyntheticParts',
    'UnreadableImageError',
]
