from __future__ import annotations

import logging
import multiprocessing
import os
import struct
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np
from mmengine.dist import get_rank
from mmengine.logging import print_log

from bas_mm.utils.result_files import write_bytes

__all__ = ['ResizedPictureCache']

# The last character is the number of the format: files of another one are not used.
_MAGIC = b'basmmpi2'
# Magic, key, height and width of the original and of the stored picture.
_HEADER = struct.Struct('<8s16s4I')
# Checksum of header and payload, behind the header.
_CHECKSUM = struct.Struct('<I')
_PAYLOAD = _HEADER.size + _CHECKSUM.size


class ResizedPictureCache:
    """A folder of resized pictures, filled by any number of processes at the same time.

    A file's name is a digest of the source's absolute path, size and time of change, and of the
    settings that made the pixels, so that a changed source or setting gives another file. Files
    appear whole or not at all; one that is damaged all the same is not used, and is replaced. Where
    nothing more can be written, as on a full disk, one warning says so and the pictures go on
    without the cache; it is one for the forked workers of all epochs, of each process of a
    distributed job that meets it. Files that are no longer asked for stay: delete the folder to be
    rid of them.

    Args:
        folder: Where the files lie, in 256 folders by the first two digits of their names.
        settings: What decides the pixels besides the source: plain values.
        jpeg_quality: Quality of JPEG files, 1 to 100, or None for the pixels as they are.
    """

    def __init__(
        self, folder: str | Path, settings: Mapping[str, object], jpeg_quality: int | None = None
    ) -> None:
        if jpeg_quality is not None and not 1 <= jpeg_quality <= 100:
            raise ValueError(f'jpeg_quality={jpeg_quality}: a number from 1 to 100, or None')
        self.folder = Path(folder)
        self.jpeg_quality = jpeg_quality
        parts = {**settings, 'jpeg_quality': jpeg_quality}
        self._settings = repr(sorted(parts.items())).encode()
        self._writes = True
        self._warned = multiprocessing.Value('b', False)

    def __getstate__(self) -> dict:
        # Forked workers share it; it could not be pickled.
        return {key: value for key, value in self.__dict__.items() if key != '_warned'}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _warned=multiprocessing.Value('b', False))

    def key(self, source: str | Path) -> bytes | None:
        """Name the picture that a local file gives: 16 bytes, None where there is no file."""
        try:
            state = os.stat(source)
        except (OSError, ValueError):
            return None
        place = os.fsencode(os.path.abspath(source))
        size_and_time = struct.pack('<Qq', state.st_size, state.st_mtime_ns)
        return blake2b(size_and_time + place + b'\0' + self._settings, digest_size=16).digest()

    def path(self, key: bytes) -> Path:
        """Where the picture of a key is or will be."""
        name = key.hex()
        return self.folder / name[:2] / f'{name}.bin'

    def get(self, key: bytes) -> tuple[np.ndarray, tuple[int, int]] | None:
        """Read a picture.

        Returns:
            The picture, uint8 (h, w, 3), writable, and the original's (H, W); None where there is
            none, or none that is whole.
        """
        try:
            content = np.fromfile(self.path(key), dtype=np.uint8)
        except OSError:
            return None
        if len(content) < _PAYLOAD:
            return None
        magic, stored_key, *sizes = _HEADER.unpack_from(content)
        payload = content[_PAYLOAD:]
        if magic != _MAGIC or stored_key != key:
            return None
        # A size that one bit was lost of would give other boxes without a word.
        checksum = zlib.crc32(payload, zlib.crc32(content[: _HEADER.size]))
        if _CHECKSUM.unpack_from(content, _HEADER.size) != (checksum,):
            return None
        original, (height, width) = tuple(sizes[:2]), sizes[2:]
        if self.jpeg_quality is not None:
            return cv2.imdecode(payload, cv2.IMREAD_COLOR), original
        return payload.reshape(height, width, 3), original

    def put(self, key: bytes, img: np.ndarray, original: tuple[int, int]) -> np.ndarray:
        """Keep a picture.

        Args:
            key: Of :meth:`key`.
            img: uint8 (h, w, 3).
            original: Height and width of the original.

        Returns:
            The picture as :meth:`get` will give it: ``img``, or what JPEG leaves of it.
        """
        payload = img
        if self.jpeg_quality is not None:
            quality = [cv2.IMWRITE_JPEG_QUALITY, self.jpeg_quality]
            payload = cv2.imencode('.jpg', img, quality)[1]
            # The same pixels at the first time and later, whether it can be written or not.
            img = cv2.imdecode(payload, cv2.IMREAD_COLOR)
        if self._writes:
            raw = payload.tobytes()
            header = _HEADER.pack(_MAGIC, key, *original, *img.shape[:2])
            checksum = _CHECKSUM.pack(zlib.crc32(raw, zlib.crc32(header)))
            try:
                write_bytes(self.path(key), header + checksum + raw)
            except OSError as error:
                self._stop_writing(error)
        return img

    def _stop_writing(self, error: OSError) -> None:
        self._writes = False
        # A full disk meets each worker, and in each epoch there are new ones.
        with self._warned.get_lock():
            warned, self._warned.value = self._warned.value, True
        if warned:
            return
        print_log(
            f'the cache of resized pictures {self.folder} cannot be written: {error}. What is not '
            'in it is decoded and resized each time; free some space, or set another cache_dir',
            logger='current',
            # Other ranks than the first say nothing below an error, but may have another disk.
            level=logging.WARNING if get_rank() == 0 else logging.ERROR,
        )
