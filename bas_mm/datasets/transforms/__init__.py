"""Transforms that carry boxes with the picture."""

from .keep_localization_truth import KeepLocalizationTruth
from .load_label_map import LoadLabelMap
from .load_loc_image import LoadLocImage
from .load_loc_mask import LoadLocMask
from .load_resized_image import LoadResizedImage
from .loc_center_crop import LocCenterCrop
from .loc_crop_bottom import LocCropBottom
from .loc_random_crop import LocRandomCrop
from .loc_random_flip import LocRandomFlip
from .loc_resize import LocResize
from .loc_ten_crop import LocTenCrop
from .pack_localization_inputs import PackLocalizationInputs
from .random_scale import RandomScale
from .view_tracking import follow_view

__all__ = [
    'KeepLocalizationTruth',
    'LoadLabelMap',
    'LoadLocImage',
    'LoadLocMask',
    'LoadResizedImage',
    'LocCenterCrop',
    'LocCropBottom',
    'LocRandomCrop',
    'LocRandomFlip',
    'LocResize',
    'LocTenCrop',
    'PackLocalizationInputs',
    'RandomScale',
    'follow_view',
]
