"""Readers of annotated picture sets, and the transforms for them.

The classes are resolved on first use: what only checks lists or tells of an error needs no torch.
"""

from typing import TYPE_CHECKING

from bas_mm.utils.lazy_names import lazy_names

_HOMES = {
    'AnnotationError': 'errors',
    'BaseLocalizationDataset': 'base_localization_dataset',
    'BaseMultiLabelDataset': 'base_multi_label_dataset',
    'COCO14MultiLabel': 'coco14_multi_label',
    'COCO14Segmentation': 'coco14_segmentation',
    'CUB200': 'cub',
    'FGVCAircraft': 'fgvc_aircraft',
    'ILSVRC': 'ilsvrc',
    'ILSVRCRelease': 'ilsvrc_release',
    'IRNLabelDataset': 'irn_label_dataset',
    'MultiLabelList': 'multi_label_list',
    'OpenImages30k': 'open_images30k',
    'PseudoMaskDataset': 'pseudo_mask_dataset',
    'SegmentationScenes': 'synthetic',
    'SplitFolder': 'split_folder',
    'StanfordCars': 'stanford_cars',
    'StanfordDogs': 'stanford_dogs',
    'SyntheticParts': 'synthetic',
    'SyntheticScenes': 'synthetic',
    'UnreadableImageError': 'errors',
    'VOC12MultiLabel': 'voc12_multi_label',
    'VOC12Segmentation': 'voc12_segmentation',
}
# They are documented, and listed, in their own package.
_TRANSFORMS = dict.fromkeys(
    (
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
    ),
    'transforms',
)

__all__ = [*_HOMES]

# What type checkers see: a name that is not here is an error to them.
if TYPE_CHECKING:
    from .base_localization_dataset import BaseLocalizationDataset as BaseLocalizationDataset
    from .base_multi_label_dataset import BaseMultiLabelDataset as BaseMultiLabelDataset
    from .coco14_multi_label import COCO14MultiLabel as COCO14MultiLabel
    from .coco14_segmentation import COCO14Segmentation as COCO14Segmentation
    from .cub import CUB200 as CUB200
    from .errors import AnnotationError as AnnotationError
    from .errors import UnreadableImageError as UnreadableImageError
    from .fgvc_aircraft import FGVCAircraft as FGVCAircraft
    from .ilsvrc import ILSVRC as ILSVRC
    from .ilsvrc_release import ILSVRCRelease as ILSVRCRelease
    from .irn_label_dataset import IRNLabelDataset as IRNLabelDataset
    from .multi_label_list import MultiLabelList as MultiLabelList
    from .open_images30k import OpenImages30k as OpenImages30k
    from .pseudo_mask_dataset import PseudoMaskDataset as PseudoMaskDataset
    from .split_folder import SplitFolder as SplitFolder
    from .stanford_cars import StanfordCars as StanfordCars
    from .stanford_dogs import StanfordDogs as StanfordDogs
    from .synthetic import SegmentationScenes as SegmentationScenes
    from .synthetic import SyntheticParts as SyntheticParts
    from .synthetic import SyntheticScenes as SyntheticScenes
    from .transforms import KeepLocalizationTruth as KeepLocalizationTruth
    from .transforms import LoadLabelMap as LoadLabelMap
    from .transforms import LoadLocImage as LoadLocImage
    from .transforms import LoadLocMask as LoadLocMask
    from .transforms import LoadResizedImage as LoadResizedImage
    from .transforms import LocCenterCrop as LocCenterCrop
    from .transforms import LocCropBottom as LocCropBottom
    from .transforms import LocRandomCrop as LocRandomCrop
    from .transforms import LocRandomFlip as LocRandomFlip
    from .transforms import LocResize as LocResize
    from .transforms import LocTenCrop as LocTenCrop
    from .transforms import PackLocalizationInputs as PackLocalizationInputs
    from .transforms import RandomScale as RandomScale
    from .transforms import follow_view as follow_view
    from .voc12_multi_label import VOC12MultiLabel as VOC12MultiLabel
    from .voc12_segmentation import VOC12Segmentation as VOC12Segmentation
else:
    __getattr__, __dir__ = lazy_names(__name__, {**_HOMES, **_TRANSFORMS})
