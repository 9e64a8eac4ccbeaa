from __future__ import annotations

from mmcv.transforms import BaseTransform

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.palette import read_palette_png

from ..errors import AnnotationError, UnreadableImageError

__all__ = ['LoadLabelMap']


@TRANSFORMS.register_module()
class LoadLabelMap(BaseTransform):
    """Read a palette PNG as the label map of the picture that was read before.

    In contrast to mmseg's LoadAnnotations a map of colours, or of another size than the picture,
    is refused.

    Required Keys:

    - seg_map_path
    - img_shape: (H, W) of the picture

    Added Keys:

    - gt_seg_map: (H, W), uint8
    - seg_fields: ['gt_seg_map']

    Raises:
        UnreadableImageError: The file is missing or no picture.
        AnnotationError: It has colours, or another size than the picture.
    """

    def transform(self, results: dict) -> dict:
        """Read the map at ``seg_map_path``."""
        path = str(results['seg_map_path'])
        try:
            labels = read_palette_png(path).copy()
        except ValueError as error:
            raise AnnotationError(str(error)) from error
        except OSError as error:
            raise UnreadableImageError.of(path, str(error)) from error
        if labels.shape != tuple(results['img_shape'][:2]):
            raise AnnotationError(
                f'{path} has {labels.shape[1]}x{labels.shape[0]} pixels, but '
                f'{results.get("img_path", "its picture")} has '
                f'{results["img_shape"][1]}x{results["img_shape"][0]}. Make the labels again from '
                'these pictures'
            )
        results['gt_seg_map'] = labels
        results['seg_fields'] = ['gt_seg_map']
        return results
