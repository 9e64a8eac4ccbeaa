from .key_maps import detect_published_backbone, published_to_bas_mm, unwrap
from .placement import Placement, place, place_in_backbone
from .pretrained_backbone import PretrainedBackbone

__all__ = [
    'Placement',
    'PretrainedBackbone',
    'detect_published_backbone',
    'place',
    'place_in_backbone',
    'published_to_bas_mm',
    'unwrap',
]
