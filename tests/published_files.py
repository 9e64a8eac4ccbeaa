"""Weights in the names, and the file formats, that others published them in."""

import re
import struct
from pathlib import Path

import numpy as np
import torch


def mobilenet_by_formula(num_classes: int = 3) -> dict[str, torch.Tensor]:
    """Weights of BAS in the published names of MobileNetV1, without the golden files."""
    widths = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    weights = {}

    def add_conv(name: str, norm: str, *shape: int) -> None:
        weights[f'{name}.weight'] = torch.full(shape, 0.5)
        for kind in ('weight', 'bias', 'running_mean', 'running_var'):
            weights[f'{norm}.{kind}'] = torch.ones(shape[0])

    add_conv('model.0.0', 'model.0.1', 32, 3, 3, 3)
    for i in range(1, 14):
        add_conv(f'model.{i}.0', f'model.{i}.1', widths[i - 1], 1, 3, 3)
        add_conv(f'model.{i}.3', f'model.{i}.4', widths[i], widths[i - 1], 1, 1)
    for layer, shape in {
        'classifier_cls.0': (1024, 1024, 3, 3),
        'classifier_cls.2': (1024, 1024, 3, 3),
        'classifier_cls.4': (num_classes, 1024, 1, 1),
        'classifier_loc.0': (num_classes, 512, 3, 3),
    }.items():
        weights[f'{layer}.weight'] = torch.full(shape, 0.25)
        weights[f'{layer}.bias'] = torch.zeros(shape[0])
    return weights


def published_irn_name(name: str) -> str:
    """Our name of an IRNet weight in the published file."""
    for pattern, theirs in (
        (r'backbone\.', 'resnet50.'),
        (r'boundary_branch\.reductions\.(\d)', 'fc_edge{}'),
        (r'boundary_branch\.joint', 'fc_edge6'),
        (r'displacement_branch\.reductions\.(\d)', 'fc_dp{}'),
        (r'displacement_branch\.coarse_joint', 'fc_dp6'),
        (r'displacement_branch\.fine_joint', 'fc_dp7'),
        (r'displacement_branch\.field', 'fc_dp7.3'),
    ):
        if match := re.match(pattern, name):
            number = int(match[1]) + 1 if match.groups() else ''
            return theirs.format(number) + name[match.end() :]
    return name


def torchvision_name(name: str) -> str:
    """Our name of a DeepLabv2 weight in ports that follow torchvision."""
    name = re.sub(r'^decode_head\.convs', 'layer5.conv2d_list', name)
    return name.removeprefix('backbone.')


def blocks_name(name: str) -> str:
    """Our name of a DeepLabv2 weight in ports that name blocks and their convolutions."""
    name = re.sub(r'^decode_head\.convs\.', 'aspp.c', name)
    name = re.sub(r'^backbone\.(conv|bn)1\.', r'layer1.conv1.\1.', name)
    if match := re.match(r'backbone\.layer(\d)\.(\d+)\.(.*)\.(\w+)$', name):
        stage, block, layer, kind = match.groups()
        part = {'1': 'reduce', '2': 'conv3x3', '3': 'increase'}.get(layer[-1])
        if layer.startswith('downsample'):
            part = 'shortcut'
            layer = 'conv' if layer.endswith('0') else 'bn'
        name = (
            f'layer{int(stage) + 1}.block{int(block) + 1}.{part}.'
            f'{"conv" if layer.startswith("conv") else "bn"}.{kind}'
        )
    return name


def caffe_name(name: str) -> str:
    """Our name of a DeepLabv2 weight in Caffe, the layer and our kind of weight."""
    name = re.sub(r'^decode_head\.convs\.', 'fc1_voc12_c', name)
    running = name.rsplit('.', 1)[1].startswith('running')
    norm = 'bn' if running else 'scale'
    name = re.sub(r'^backbone\.conv1\.', 'conv1.', name)
    name = re.sub(r'^backbone\.bn1\.', f'{norm}_conv1.', name)
    if match := re.match(r'backbone\.layer(\d)\.(\d+)\.(.*)\.(\w+)$', name):
        stage, block, layer, kind = int(match[1]) + 1, int(match[2]), match[3], match[4]
        letter = 'abc'[block] if stage in (2, 5) else f'b{block}' if block else 'a'
        if layer.startswith('downsample'):
            branch, is_norm = '1', layer.endswith('1')
        else:
            branch, is_norm = '2' + 'abc'[int(layer[-1]) - 1], layer.startswith('bn')
        name = f'{norm if is_norm else "res"}{stage}{letter}_branch{branch}.{kind}'
    return name


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def caffe_message(field: int, content: bytes) -> bytes:
    """A protobuf field that holds bytes."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def caffe_blob(values: np.ndarray, legacy: bool = False) -> bytes:
    """A layer's array, with its shape in the form of new files or of old ones."""
    values = np.asarray(values, dtype='<f4')
    if legacy:
        shape = (1,) * (4 - values.ndim) + values.shape
        sizes = b''.join(_varint(i << 3) + _varint(n) for i, n in enumerate(shape, start=1))
        numbers = b''.join(
            _varint(5 << 3 | 5) + struct.pack('<f', value) for value in values.ravel()
        )
        return caffe_message(7, sizes + numbers)
    dims = caffe_message(1, b''.join(map(_varint, values.shape)))
    return caffe_message(7, caffe_message(7, dims) + caffe_message(5, values.tobytes()))


def caffe_layer(name: str, kind: str, *blobs: bytes) -> bytes:
    """A layer with its arrays."""
    bottom = caffe_message(3, b'data')
    return caffe_message(
        100,
        caffe_message(1, name.encode())
        + caffe_message(2, kind.encode())
        + bottom
        + b''.join(blobs),
    )


def write_caffemodel(path: Path, weights: dict[str, np.ndarray]) -> None:
    """A net as Caffe saves it: statistics as sums over 8 moments, all again at 0.75 and 0.5."""
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name, value in weights.items():
        layer, kind = name.rsplit('.', 1)
        layers.setdefault(layer, {})[kind] = value
    content = caffe_message(1, b'net') + caffe_layer('relu1', 'ReLU')
    for layer, values in layers.items():
        if 'running_mean' in values:
            blobs = [caffe_blob(8 * values[f'running_{kind}']) for kind in ('mean', 'var')]
            content += caffe_layer(layer, 'BatchNorm', *blobs, caffe_blob(np.array([8.0])))
        elif layer.startswith('scale'):
            content += caffe_layer(
                layer, 'Scale', caffe_blob(values['weight']), caffe_blob(values['bias'])
            )
        else:
            blobs = [caffe_blob(values[kind]) for kind in ('weight', 'bias') if kind in values]
            content += caffe_layer(layer, 'Convolution', *blobs)
            for scale in ('075', '05'):
                content += caffe_layer(f'{layer}_res{scale}', 'Convolution', *blobs)
    path.write_bytes(content)
