"""All readers of annotated picture sets: importing this registers them."""

from .base_localization_dataset import BaseLocalizationDataset
from .base_multi_label_dataset import BaseMultiLabelDataset
from .coco14_multi_label import COCO14MultiLabel
from .coco14_segmentation import COCO14Segmentation
from .cub import CUB200
from .fgvc_aircraft import FGVCAircraft
from .ilsvrc import ILSVRC
from .ilsvrc_release import ILSVRCRelease
from .irn_label_dataset import IRNLabelDataset
from .multi_label_list import MultiLabelList
from .open_images30k import OpenImages30k
from .pseudo_mask_dataset import PseudoMaskDataset
from .split_folder import SplitFolder
from .stanford_cars import StanfordCars
from .stanford_dogs import StanfordDogs
from .synthetic import SegmentationScenes, SyntheticParts, SyntheticScenes
from .voc12_multi_label import VOC12MultiLabel
from .voc12_segmentation import VOC12Segmentation

__all__ = [
    'BaseLocalizationDataset',
    'BaseMultiLabelDataset',
    'COCO14MultiLabel',
    'COCO14Segmentation',
    'CUB200',
    'FGVCAircraft',
    'ILSVRC',
    'ILSVRCRelease',
    'IRNLabelDataset',
    'MultiLabelList',
    'OpenImages30k',
    'PseudoMaskDataset',
    'SegmentationScenes',
    'SplitFolder',
    'StanfordCars',
    'StanfordDogs',
    'SyntheticParts',
    'SyntheticScenes',
    'VOC12MultiLabel',
    'VOC12Segmentation',
]
