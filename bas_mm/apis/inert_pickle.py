"""Pickle for :func:`torch.load`: reads tensors and plain values, and runs no code of the file.

A pickle may name any function of any module, to be called when it is read. Here names that make
tensors, arrays and plain values stand for what they are; each other one stands for
:class:`Nothing`. So whole checkpoints of runners can be read, whatever else they hold, and what is
not known does nothing.
"""

import pickle
from collections import Counter, OrderedDict, defaultdict
from typing import Any, BinaryIO

import numpy as np
import torch

__all__ = ['Nothing', 'Unpickler', 'load']


class Nothing:
    """Stands for an object of a class, or a call of a function, that is not made."""

    def __new__(cls, *_: Any, **__: Any) -> 'Nothing':
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take any arguments."""

    def _ignore(self, *_: Any, **__: Any) -> 'Nothing':
        return self

    # What may be done to an object while it is read.
    __call__ = __setitem__ = __setstate__ = append = extend = add = _ignore


_MAKE_ARRAY, _MAKE_SCALAR = np.zeros(0).__reduce__()[0], np.float64().__reduce__()[0]

_KNOWN = {
    ('collections', 'OrderedDict'): OrderedDict,
    ('collections', 'defaultdict'): defaultdict,
    ('collections', 'Counter'): Counter,
    **{
        (module, kind.__name__): kind
        for module in ('builtins', '__builtin__')
        for kind in (set, frozenset, bytearray, complex, int, float, bool, str, list, tuple, dict)
    },
    # A config's part is a dictionary.
    ('mmengine.config.config', 'ConfigDict'): dict,
    ('numpy', 'ndarray'): np.ndarray,
    ('numpy', 'dtype'): np.dtype,
    # NumPy 1 and 2.
    **{
        (module, name): function
        for module in ('numpy.core.multiarray', 'numpy._core.multiarray')
        for name, function in (('_reconstruct', _MAKE_ARRAY), ('scalar', _MAKE_SCALAR))
    },
    ('torch', 'Size'): torch.Size,
    ('torch', 'device'): torch.device,
    ('torch', 'Tensor'): torch.Tensor,
    ('torch.nn.parameter', 'Parameter'): torch.nn.Parameter,
    ('torch.serialization', '_get_layout'): torch.serialization._get_layout,
    **{
        ('torch._utils', name): getattr(torch._utils, name)
        for name in (
            '_rebuild_parameter',
            '_rebuild_parameter_with_state',
            '_rebuild_tensor',
            '_rebuild_tensor_v2',
            '_rebuild_tensor_v3',
        )
    },
}


def _encode(text: str, encoding: str = 'latin1') -> bytes:
    """What protocol 2 has for bytes."""
    if encoding != 'latin1':
        raise pickle.UnpicklingError(f'bytes as {encoding}')
    return text.encode(encoding)


class Unpickler(pickle.Unpickler):
    """As :class:`pickle.Unpickler`, with :class:`Nothing` for what is not known."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the file stands for."""
        if (module, name) == ('_codecs', 'encode'):
            return _encode
        if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        return _KNOWN.get((module, name), Nothing)


def load(file: BinaryIO, **kwargs: Any) -> Any:
    """As :func:`pickle.load`."""
    return Unpickler(file, **kwargs).load()
