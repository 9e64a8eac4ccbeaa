from __future__ import annotations

from functools import partial

from mmcv.transforms import BaseTransform

from bas_mm.evaluation.functional import view_mask
from bas_mm.registry import TRANSFORMS

from ..errors import AnnotationError
from ..mask_file import read_object_mask

__all__ = ['LoadLocMask']


@TRANSFORMS.register_module()
class LoadLocMask(BaseTransform):
    """Read the masks of a picture's objects: the ground truth of PxAP and pIoU.

    The union of its instances' masks and the region to ignore, each resized to the view (nearest
    pixel). It does not follow crops and mirroring: put it into test pipelines that only resize,
    behind LocResize and before PackLocalizationInputs. Masks and the picture may differ in size.

    Required Keys:

    - mask_paths: files of the instances' masks, at least one
    - ignore_path (optional): file of the region to ignore, '' for none
    - mask_threshold (optional): see ``threshold``
    - img_shape: (H, W) of the view

    Added Keys:

    - gt_mask: (H, W), uint8: 0, 1 and 255 (ignored)

    Args:
        threshold (int, optional): Pixels of a mask file above this level of 255 are the object, or
            to be ignored; see :func:`~bas_mm.datasets.mask_file.decode_mask`. With masks that
            count annotators, as CUB's do, 127 asks for the majority. Defaults to None: the data
            set's own (``mask_threshold``), 0 where it has none.
        backend_args (dict, optional): Arguments of mmengine's file backend. Defaults to None.

    Raises:
        AnnotationError: The picture has no mask.
        UnreadableImageError: A mask file is missing, no picture, or not one of unsigned numbers of
            8 or 16 bits.
    """

    def __init__(self, threshold: int | None = None, backend_args: dict | None = None) -> None:
        self.threshold = threshold
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        """Read the masks at ``mask_paths`` and ``ignore_path``."""
        if not results.get('mask_paths'):
            raise AnnotationError(
                f'{results.get("img_path", "the picture")} has no mask: LoadLocMask needs a split '
                'with masks'
            )
        threshold = self.threshold
        if threshold is None:
            threshold = results.get('mask_threshold', 0)
        read = partial(read_object_mask, threshold=threshold, backend_args=self.backend_args)
        masks = [read(str(path)) for path in results['mask_paths']]
        ignore_path = results.get('ignore_path')
        ignore = read(str(ignore_path)) if ignore_path else None
        results['gt_mask'] = view_mask(masks, ignore, tuple(results['img_shape'][:2]))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(threshold={self.threshold})'
