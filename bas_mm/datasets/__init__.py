"""Readers of annotated picture sets, and the transforms for them.

The classes are resolved on first use: what only checks lists or tells of an error needs no torch.
"""

from importlib import import_module

from .errors import AnnotationError, UnreadableImageError

__all__ = [
    'AnnotationError',
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
    'UnreadableImageError',
    'VOC12MultiLabel',
    'VOC12Segmentation',
]


def __getattr__(name: str) -> object:
    # Names that begin otherwise are those of modules.
    if name[:1].isupper():
        for home in ('readers', 'transforms'):
            module = import_module(f'{__name__}.{home}')
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    """With the names that are not resolved yet, which Sphinx would not find otherwise."""
    return sorted({*globals(), *__all__})
