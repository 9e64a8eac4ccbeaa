"""Weights out of a ``.caffemodel`` file, without Caffe.

The file is a protocol buffer, message NetParameter of Caffe's caffe.proto. Of it are read:
NetParameter.layer = 100; LayerParameter.name = 1, type = 2, blobs = 7; BlobProto.num, channels,
height, width = 1 … 4, data = 5, shape = 7, double_data = 8; BlobShape.dim = 1.
"""

from collections.abc import Iterator, Mapping

import numpy as np

__all__ = ['caffe_weights', 'read_caffemodel']

# Wire types of protocol buffers.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LEGACY_LAYERS = 2
_LAYER = 100


def read_caffemodel(data: bytes) -> dict[str, tuple[str, list[np.ndarray]]]:
    """The layers of a net that have weights.

    Args:
        data: The file's bytes.

    Returns:
        Name of the layer -> its type and its blobs, float32.

    Raises:
        ValueError: The bytes are no such file, or one of Caffe's old format.
    """
    layers = {}
    try:
        for field, value in _fields(memoryview(data)):
            if field == _LEGACY_LAYERS:
                raise ValueError(
                    "it has Caffe's old layers; bring it up to date with Caffe's "
                    'upgrade_net_proto_binary'
                )
            if field == _LAYER:
                name, kind, blobs = _layer(value)
                if blobs:
                    layers[name] = (kind, blobs)
    except (IndexError, TypeError, UnicodeDecodeError) as error:
        raise ValueError('not a whole .caffemodel file') from error
    if not layers:
        raise ValueError('no layers with weights in it')
    return layers


def caffe_weights(
    layers: Mapping[str, tuple[str, list[np.ndarray]]],
) -> dict[str, np.ndarray]:
    """Name the blobs of layers as PyTorch names weights.

    Caffe keeps a batch norm in two layers: ``BatchNorm`` with the sums of means and variances and
    the number to divide them by, and ``Scale`` with weight and bias.

    Args:
        layers: What :func:`read_caffemodel` gives.

    Returns:
        ``LAYER.weight``, ``LAYER.bias``, ``LAYER.running_mean``, ``LAYER.running_var`` -> array.
    """
    weights = {}
    for name, (kind, blobs) in layers.items():
        if kind == 'BatchNorm':
            count = float(blobs[2].reshape(-1)[0]) if len(blobs) > 2 else 1.0
            factor = 1 / count if count else 0.0
            weights[f'{name}.running_mean'] = blobs[0].reshape(-1) * factor
            weights[f'{name}.running_var'] = blobs[1].reshape(-1) * factor
        else:
            weights[f'{name}.weight'] = blobs[0]
            if len(blobs) > 1:
                weights[f'{name}.bias'] = blobs[1].reshape(-1)
    return weights


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of the fields of a message, in order."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
        elif kind in (_FIXED32, _FIXED64, _BYTES):
            if kind == _BYTES:
                size, place = _varint(data, place)
            else:
                size = 4 if kind == _FIXED32 else 8
            value = data[place : place + size]
            if len(value) < size:
                raise IndexError('the message ends early')
            place += size
        else:
            raise TypeError(f'no wire type {kind}')
        yield field, value


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A number of variable length, and the place after it."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7


def _layer(message: memoryview) -> tuple[str, str, list[np.ndarray]]:
    name = kind = ''
    blobs = []
    for field, value in _fields(message):
        if field == 1:
            name = bytes(value).decode()
        elif field == 2:
            kind = bytes(value).decode()
        elif field == 7:
            blobs.append(_blob(value))
    return name, kind, blobs


def _blob(message: memoryview) -> np.ndarray:
    legacy: dict[int, int] = {}
    shape: list[int] | None = None
    parts = []
    for field, value in _fields(message):
        if field in (1, 2, 3, 4):
            legacy[field] = int(value)
        elif field in (5, 8):
            # Packed in one field, or one field per number.
            parts.append(np.frombuffer(value, '<f4' if field == 5 else '<f8'))
        elif field == 7:
            shape = _dimensions(value)
    values = np.concatenate(parts) if parts else np.empty(0)
    if shape is None:
        shape = [legacy.get(field, 1) for field in (1, 2, 3, 4)] if legacy else [len(values)]
    if len(values) != np.prod(shape):
        raise TypeError(f'{len(values)} numbers for a blob of shape {shape}')
    return values.astype(np.float32).reshape(shape)


def _dimensions(message: memoryview) -> list[int]:
    dimensions = []
    for field, value in _fields(message):
        if field != 1:
            continue
        if isinstance(value, int):
            dimensions.append(value)
            continue
        place = 0
        while place < len(value):
            number, place = _varint(value, place)
            dimensions.append(number)
    return dimensions
