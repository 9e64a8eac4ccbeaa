from __future__ import annotations

import io
import warnings
from contextlib import suppress
from functools import cache
from threading import Lock

import cv2
import mmcv
import numpy as np
from mmcv.image.io import imread_flags, supported_backends
from mmcv.transforms import LoadImageFromFile
from mmengine import fileio

from bas_mm.registry import TRANSFORMS

from ..errors import AnnotationError, UnreadableImageError
from ..picture_size import open_picture
from ..whole_picture import require_whole, undecodable

__all__ = ['LoadLocImage']

_JPEG_START, _PNG_START = b'\xff\xd8', b'\x89PNG'
# Bits per value and kind of colours (0: grey), after the size in the head of a PNG.
_PNG_DEPTH, _DEEP_GREY = slice(24, 26), b'\x10\x00'
# The filters of warnings belong to all threads: two that change them at the same time would leave
# them changed for good.
_WARNINGS_LOCK = Lock()


@TRANSFORMS.register_module()
class LoadLocImage(LoadImageFromFile):
    """Read a picture, and refuse one that is not whole.

    mmcv's reader with two differences. Some OpenCV releases decode a JPEG that was cut short
    without a word and leave the rest grey; here the end marker of JPEG and PNG files is looked
    for, and only where it is missing does Pillow decode the file strictly as well. And the
    orientation noted in the file is ignored, because boxes and sizes in the lists of the field
    were taken from the pixels as they are stored.

    Required Keys:

    - img_path
    - width, height, and gt_bboxes or a detector's instances (optional)
    - size_file (optional), where width and height are from, for messages

    Added Keys:

    - img: (H, W, 3), BGR, uint8, or float32 with ``to_float32``
    - img_shape, ori_shape: (H, W)

    Args:
        to_float32 (bool): Whether to convert the picture to float32. Defaults to False.
        color_type (str): How :func:`mmcv.imfrombytes` reads colours. Defaults to
            'color_ignore_orientation'.
        imdecode_backend (str): The decoder of :func:`mmcv.imfrombytes`: 'cv2';
            'pillow', which leaves grey pictures of more than 8 bits to OpenCV; 'tifffile'; or
            'turbojpeg', which decodes JPEG and leaves to OpenCV what it cannot decode. Defaults to
            'cv2'.
        check_size (bool): Whether a picture with boxes must have the size that the lists give;
            with another one its boxes would be scaled wrongly. Defaults to True.
        backend_args (dict, optional): Arguments of mmengine's file backend. Defaults to None.

    Raises:
        ImportError: 'turbojpeg' is asked for and not installed; raised when the transform is made.
        UnreadableImageError: The file is missing, empty, cut short or no picture.
        AnnotationError: The picture has boxes, and another size than its list says.
        ValueError: There is no such ``imdecode_backend`` or ``color_type``; or no ``img_path`` is
            given.
    """

    def __init__(
        self,
        to_float32: bool = False,
        color_type: str = 'color_ignore_orientation',
        imdecode_backend: str = 'cv2',
        check_size: bool = True,
        *,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(
            to_float32=to_float32,
            color_type=color_type,
            imdecode_backend=imdecode_backend,
            backend_args=backend_args,
        )
        self.check_size = check_size
        # Else each picture would be called unreadable.
        if imdecode_backend not in (None, *supported_backends):
            raise ValueError(
                f'imdecode_backend={imdecode_backend!r}: {", ".join(supported_backends)} are there'
            )
        if isinstance(color_type, str) and color_type not in imread_flags:
            raise ValueError(f'color_type={color_type!r}: {", ".join(imread_flags)} are there')
        if imdecode_backend == 'turbojpeg':
            # It ignores the orientation in any case, and has no names for that.
            self._turbojpeg_flag = color_type.removesuffix('_ignore_orientation')
            _start_turbojpeg()

    @property
    def turns_pictures(self) -> bool:
        """Whether pictures come turned as their files note, and not as stored."""
        kinds = 'color', 'grayscale', cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE
        return self.imdecode_backend != 'turbojpeg' and self.color_type in kinds

    def transform(self, results: dict) -> dict:
        """Read the picture at ``img_path``."""
        if 'img_path' not in results:
            raise ValueError(
                'LoadLocImage reads the file at img_path, but was given no path, such as where an '
                'inferencer hands pictures over as arrays: use those of bas_mm.apis, which take '
                'arrays, too'
            )
        img = self.read(str(results['img_path']))
        height, width = img.shape[:2]
        self.compare_size(results, width, height)
        if self.to_float32:
            img = img.astype(np.float32)
        results['img'] = img
        results['img_shape'] = (height, width)
        results['ori_shape'] = (height, width)
        return results

    def read(self, path: str) -> np.ndarray:
        """Read and decode a file.

        Args:
            path: The picture's path, or its address in mmengine's file backend.

        Returns:
            (H, W, 3), BGR, uint8.

        Raises:
            UnreadableImageError: The file is missing, empty, cut short or no picture.
        """
        try:
            content = fileio.get(path, backend_args=self.backend_args)
        except OSError as error:
            raise UnreadableImageError.of(path, str(error)) from error
        if not content:
            raise UnreadableImageError.of(path, 'the file is empty')
        require_whole(io.BytesIO(content), path)
        try:
            img = self._decode(content)
        except Exception as error:
            # Each decoder has errors of its own: cv2.error, OSError, SyntaxError, ValueError.
            raise undecodable(path, content, f'{type(error).__name__}: {error}') from error
        if img is None:
            raise undecodable(path, content, 'it cannot be decoded')
        return img

    def compare_size(
        self,
        results: dict,
        width: int,
        height: int,
        name: str = 'LoadLocImage',
        how_to_turn: str = "set color_type='color' in LoadLocImage",
    ) -> None:
        """Compare the picture's size with that of the lists, where there are boxes.

        Args:
            results: With ``img_path``, and ``width``, ``height`` and ``gt_bboxes`` if known. Data
                sets of detectors have a list of ``instances`` in place of ``gt_bboxes``. An error
                names their ``size_file`` if there is one.
            width: Width of the picture in pixels.
            height: Its height.
            name: The transform of the pipeline, for messages. Defaults to 'LoadLocImage'.
            how_to_turn: What to do to have pictures turned as their files note, for messages.
                Defaults to what does it in :class:`LoadLocImage`.

        Raises:
            AnnotationError: They differ, and ``check_size`` is set.
        """
        boxes, instances = results.get('gt_bboxes'), results.get('instances')
        if not self.check_size or (boxes is None and not instances):
            return
        # Cameras note that a picture is to be turned, and most viewers turn it.
        turned = f' If they are those of the picture turned as its file notes, {how_to_turn}.'
        listed = (results.get('width', width), results.get('height', height))
        # Lists without sizes were compared with the pictures' heads, but for those that may be
        # turned.
        unchecked = results.get('boxes_unchecked')
        if boxes is not None and unchecked and (np.reshape(boxes, (-1, 4))[:, 2:] > listed).any():
            raise AnnotationError(
                f'{results["img_path"]} has {width}x{height} pixels, and a box of its split lies '
                f'outside: {np.asarray(boxes).tolist()}.{turned} Correct the box, or set '
                f'check_size=False in {name}'
            )
        if listed != (width, height):
            if listed != (height, width):
                turned = ''
            source = results.get('size_file', 'its split')
            mend = 'Correct the size there, and the boxes'
            if boxes is None:
                source, mend = 'the file of its boxes', 'Make that file anew'
            raise AnnotationError(
                f'{results["img_path"]} has {width}x{height} pixels, but {source} says '
                f'{listed[0]}x{listed[1]}: its boxes cannot be trusted.{turned} {mend}, or set '
                f'check_size=False in {name}'
            )

    def _decode(self, content: bytes) -> np.ndarray | None:
        if self.imdecode_backend != 'turbojpeg':
            backend = self.imdecode_backend
            if backend == 'pillow' and _is_deep_grey(content):
                # Pillow would clip its values at 255 in place of scaling them: all white.
                backend = 'cv2'
            return mmcv.imfrombytes(content, flag=self.color_type, backend=backend)
        if content.startswith(_JPEG_START):
            # A process that was spawned has not started it yet.
            _start_turbojpeg()
            # Of CMYK, for one, it makes no BGR. Of some broken files it makes something, with a
            # warning. What of these is no picture, OpenCV will say.
            with suppress(Exception), _WARNINGS_LOCK, warnings.catch_warnings():
                warnings.simplefilter('error')
                return mmcv.imfrombytes(content, flag=self._turbojpeg_flag, backend='turbojpeg')
        return mmcv.imfrombytes(content, flag=self.color_type, backend='cv2')

    def __repr__(self) -> str:
        return f'{super().__repr__()[:-1]}, check_size={self.check_size})'


@cache
def _start_turbojpeg() -> None:
    """Make mmcv load the library, once per process, and leave its default decoder as it is."""
    default = mmcv.image.io.imread_backend
    try:
        mmcv.use_backend('turbojpeg')
    except Exception as error:
        # ImportError without the package; without its library RuntimeError or OSError.
        raise ImportError(
            "imdecode_backend='turbojpeg' needs the package PyTurboJPEG and the library "
            f'libturbojpeg, and one of them is missing or does not fit ({error}). Run `pip install '
            'PyTurboJPEG` and install libjpeg-turbo 3 (with libjpeg-turbo 2, such as `apt install '
            "libturbojpeg` of older systems gives: `pip install 'PyTurboJPEG<2'`), or set "
            "imdecode_backend='cv2'"
        ) from error
    finally:
        mmcv.use_backend(default)


def _is_deep_grey(content: bytes) -> bool:
    """Whether a picture is grey, of integers of more than 8 bits; read from its head."""
    if content.startswith(_JPEG_START):
        return False
    if content.startswith(_PNG_START):
        return content[_PNG_DEPTH] == _DEEP_GREY
    with open_picture(io.BytesIO(content)) as picture:
        return picture.mode.startswith('I')
