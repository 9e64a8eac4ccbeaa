from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from bas_mm.registry import TRANSFORMS
from bas_mm.utils.palette import read_palette_png

from ..errors import AnnotationError, UnreadableImageError

__all__ = ['LoadLabelMap']


@TRANSFORMS.register_module()
class LoadLabelMap(BaseTransform):
    """Read a palette PNG as the label map of the picture that was read before.

    In contrast to mmseg's LoadAnnotations a map of colours, of another size than the picture, or
    with values that are no class is refused.

    Required Keys:

    - seg_map_path: only a picture of no data set, which mmseg's inference hands over, may be
      without it; nothing is added to that
    - sample_idx (optional): every picture of a data set has it
    - img_shape: (H, W) of the picture
    - num_classes (optional): values are below it, or 255
    - label_map, reduce_zero_label (optional): other numbers for the classes, as mmseg's data sets
      have them: old value -> new one; and 1 becomes 0, 0 becomes 255

    Added Keys:

    - gt_seg_map: (H, W), uint8
    - seg_fields: ['gt_seg_map']

    Raises:
        UnreadableImageError: The file is missing or no picture.
        AnnotationError: It has colours, another size than the picture, or a value that is no
            class; or a picture of a data set has no ``seg_map_path``.
    """

    def transform(self, results: dict) -> dict:
        """Read the map at ``seg_map_path``."""
        if 'seg_map_path' not in results:
            if 'sample_idx' not in results:
                return results
            raise AnnotationError(
                f'{results.get("img_path", "a picture")} has no label map: its data set has no '
                'folder of them. Set data_prefix.seg_map_path to it, or take LoadLabelMap out of '
                'the pipeline if there are none'
            )
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
        stored, labels = labels, _renumber(labels, results)
        num_classes = results.get('num_classes')
        if num_classes is not None:
            wrong = (labels >= num_classes) & (labels != 255)
            if wrong.any():
                known = (
                    f'{num_classes} classes with the background: values are 0 to '
                    f'{num_classes - 1}, or 255 where a pixel is ignored'
                )
                if results.get('reduce_zero_label') or results.get('label_map'):
                    known = f'{num_classes} classes after its renumbering'
                raise AnnotationError(
                    f'{path} has the value {stored[wrong][0]}, but there are {known}. Make the '
                    'mask again, or correct the classes of the data set'
                )
        results['gt_seg_map'] = labels
        results['seg_fields'] = ['gt_seg_map']
        return results


def _renumber(labels: np.ndarray, results: dict) -> np.ndarray:
    """The map with the data set's numbers of the classes; see :class:`LoadLabelMap`."""
    if results.get('reduce_zero_label'):
        labels = np.r_[255, 0:254, 255].astype(np.uint8)[labels]
    if results.get('label_map'):
        new = np.arange(256, dtype=np.uint8)
        for old, value in results['label_map'].items():
            new[old] = value
        labels = new[labels]
    return labels
