from __future__ import annotations

import pickle

import numpy as np

from .errors import AnnotationError

__all__ = ['PickledPicturesMixin']


class PickledPicturesMixin:
    """The dicts of a data set in mmengine's array of bytes, which is made in less memory here.

    It stands before a subclass of :class:`mmengine.dataset.BaseDataset` among the bases.
    """

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """Write the dicts of ``data_list``, which is empty then, into one array of bytes.

        The array is mmengine's. mmengine makes an array per picture beside all dicts; here a dict
        is let go when it is written, which halves what a set of a million pictures needs for it.

        Returns:
            The pickled dicts one after the other, uint8; and where each ends, int64 (n,).

        Raises:
            AnnotationError: There is no dict.
        """
        if not self.data_list:
            raise self._has_no_picture()
        content, ends = bytearray(), np.empty(len(self.data_list), np.int64)
        self.data_list.reverse()
        for position in range(len(ends)):
            content += pickle.dumps(self.data_list.pop(), protocol=4)
            ends[position] = len(content)
        return np.frombuffer(content, np.uint8), ends

    def _has_no_picture(self) -> AnnotationError:
        if self._indices is not None and not self._indices:
            reason = f'indices={self._indices!r} chooses none. Leave it out, or choose some'
        else:
            reason = 'none was found. Correct `ann_file`, `data_root` or `data_prefix`'
        return AnnotationError(f'{type(self).__name__} has no picture: {reason}')
