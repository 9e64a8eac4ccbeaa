"""Readers of annotated picture sets, and the transforms for them.

The classes are resolved on first use: what only checks lists or tells of an error needs no torch.
"""

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

__getattr__, __dir__ = lazy_names(__name__, {**_HOMES, **_TRANSFORMS})
