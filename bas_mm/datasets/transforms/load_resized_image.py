from __future__ import annotations

from importlib import import_module

from mmcv.transforms import BaseTransform

from bas_mm.registry import TRANSFORMS

from ..resized_picture_cache import ResizedPictureCache
from .load_loc_image import LoadLocImage
from .loc_resize import LocResize

__all__ = ['LoadResizedImage']

# The modules whose versions may change a pixel.
_MODULES = dict(cv2='cv2', pillow='PIL', turbojpeg='turbojpeg', torchvision='torchvision')


@TRANSFORMS.register_module()
class LoadResizedImage(BaseTransform):
    """Read a picture and resize it, or take it from a cache of resized pictures.

    It stands in the place of :class:`LoadLocImage` and :class:`LocResize` and gives what they
    give: the same pixels, boxes, sizes and errors. Pictures are not turned as their files note,
    which those can do. The first epoch fills the cache, by all worker processes; later ones, and
    later runs with the same settings, read the files. A picture that was changed (path, size or
    time of change), or another setting or version of a library, is decoded and resized anew.

    Sizes: 3 bytes per pixel, that is 196,608 bytes a picture of 256x256. The training pictures of
    CUB-200-2011 (5,994) take 1.2 GB, those of ILSVRC (1,281,167) 252 GB. Where the operating
    system cannot keep them in memory, the disk's speed is the limit.

    Required Keys:

    - img_path: of a local file
    - width, height, gt_bboxes (optional)

    Added Keys:

    - img: uint8 (h, w, 3), BGR
    - img_shape: (h, w)
    - ori_shape: (H, W)
    - view_box, ori_gt_bboxes: see :class:`LocResize`

    Modified Keys:

    - gt_bboxes: see :class:`LocResize`

    Args:
        cache_dir (str): Folder of the cache. Several sets and settings may share one.
        scale (int | tuple[int, int]): See :class:`LocResize`. Defaults to (256, 256).
        interpolation (str): See :class:`LocResize`. Defaults to 'bilinear'.
        backend (str): See :class:`LocResize`. Defaults to 'cv2'.
        imdecode_backend (str): See :class:`LoadLocImage`. Defaults to 'cv2'.
        check_size (bool): See :class:`LoadLocImage`. Defaults to True.
        jpeg_quality (int, optional): Keep JPEG files of this quality, 1 to 100, which take about
            a tenth of the space. The pixels are **not** exactly those without the cache then, and
            reading takes longer. Defaults to None: exact.

    Raises:
        UnreadableImageError: See :class:`LoadLocImage`.
        AnnotationError: See :class:`LoadLocImage`.
        ValueError: The picture is no local file, or a setting is none that there is.

    Examples:
        >>> load = dict(
        ...     type='LoadResizedImage', cache_dir='data/cache', scale=(256, 256), backend='pillow'
        ... )
    """

    def __init__(
        self,
        cache_dir: str,
        scale: int | tuple[int, int] = (256, 256),
        interpolation: str = 'bilinear',
        backend: str = 'cv2',
        imdecode_backend: str = 'cv2',
        check_size: bool = True,
        jpeg_quality: int | None = None,
    ) -> None:
        if imdecode_backend not in ('cv2', 'pillow', 'turbojpeg'):
            raise ValueError(
                f"imdecode_backend={imdecode_backend!r}: LoadResizedImage has 'cv2', 'pillow' and "
                "'turbojpeg'"
            )
        self.load = LoadLocImage(imdecode_backend=imdecode_backend, check_size=check_size)
        self.resize = LocResize(scale, interpolation, backend)
        settings = dict(
            scale=self.resize.scale,
            interpolation=interpolation,
            backend=backend,
            imdecode_backend=imdecode_backend,
        )
        # The decoders of turbojpeg and Pillow leave some files to OpenCV.
        for name in {'cv2', backend, imdecode_backend} & set(_MODULES):
            module = import_module(_MODULES[name])
            settings[f'version of {name}'] = getattr(module, '__version__', '')
        self.cache = ResizedPictureCache(cache_dir, settings, jpeg_quality)

    def transform(self, results: dict) -> dict:
        """Read the resized picture of ``img_path`` and scale ``gt_bboxes``."""
        source = str(results['img_path'])
        if '://' in source:
            raise ValueError(
                f'LoadResizedImage: {source} is no local file, so that it cannot tell whether it '
                'was changed; use LoadLocImage and LocResize'
            )
        key = self.cache.key(source)
        found = self.cache.get(key) if key is not None else None
        if found is not None:
            img, original = found
        else:
            img = self.load.read(source)
            original = img.shape[:2]
            img = self.resize.resize_picture(img)
            if key is not None:
                img = self.cache.put(key, img, original)
        self.load.compare_size(
            results,
            *original[::-1],
            name='LoadResizedImage',
            how_to_turn="put LoadLocImage with color_type='color' and LocResize in place of "
            'LoadResizedImage',
        )
        results['ori_shape'] = original
        return self.resize.put_picture(results, img, original)

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(cache_dir={str(self.cache.folder)!r}, load={self.load}, '
            f'resize={self.resize}, jpeg_quality={self.cache.jpeg_quality})'
        )
