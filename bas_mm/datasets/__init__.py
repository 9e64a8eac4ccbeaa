"""Readers of annotated picture sets, and the transforms for them.

The classes are resolved on first use: what only checks lists or tells of an error needs no torch.
"""

from importlib import import_module

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


def __getattr__(name: str) -> object:
    homes = {**_HOMES, **_TRANSFORMS}
    if name in homes:
        return getattr(import_module(f'{__name__}.{homes[name]}'), name)
    if name in homes.values():
        return import_module(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    """With the names that are not resolved yet, which Sphinx would not find otherwise."""
    return sorted({*globals(), *_HOMES, *_TRANSFORMS})
