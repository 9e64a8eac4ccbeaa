"""Names of published DeepLabv2 weights (ResNet101) to those of our configs' model.

Three families, told apart name by name:

* Caffe's layers: ``conv1``, ``bn_conv1``, ``res4b12_branch2b``, ``scale5a_branch1``,
  ``fc1_voc12_c0`` (followed by ``.weight`` and so on);
* ports with torchvision's names: ``layer3.12.conv2.weight``, and the head as
  ``layer5.conv2d_list.0``;
* ports with blocks of their own: ``layer1.conv1.conv``, ``layer4.block13.conv3x3.bn``, and the
  head as ``aspp.c0``.

Heads of one family are known with backbones of another. Names may have the prefixes that wrappers
leave: ``module.``, ``Scale.``, ``scale.``, ``base.``.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .key_maps import strip_common_prefix

__all__ = ['deeplabv2_to_bas_mm', 'strip_wrappers']

_WRAPPERS = ('module.', 'Scale.', 'scale.', 'base.')
_KIND = r'(?P<kind>weight|bias|running_mean|running_var|num_batches_tracked)'

_TORCHVISION = re.compile(
    rf'(?:conv1|bn1|layer[1-4]\.\d+\.(?:conv[1-3]|bn[1-3]|downsample\.[01]))\.{_KIND}'
)
_STEM = re.compile(rf'layer1\.conv1\.(?P<layer>conv|bn)\.{_KIND}')
_BLOCK = re.compile(
    r'layer(?P<stage>[2-5])\.block(?P<block>[1-9]\d*)\.(?P<part>reduce|conv3x3|increase|shortcut)'
    rf'\.(?P<layer>conv|bn)\.{_KIND}'
)
_CAFFE_STEM = re.compile(rf'(?P<layer>conv1|bn_conv1|scale_conv1)\.{_KIND}')
_CAFFE_BLOCK = re.compile(
    r'(?P<layer>res|bn|scale)(?P<stage>[2-5])(?P<block>a|b\d+|[bc])_branch(?P<part>1|2[abc])'
    rf'\.{_KIND}'
)
_HEADS = (
    re.compile(rf'layer5\.conv2d_list\.(?P<number>\d)\.{_KIND}'),
    re.compile(rf'aspp\.c(?P<number>\d)\.{_KIND}'),
    # The name in the middle is the data set's: fc1_voc12_c0, fc1_coco_c0.
    re.compile(rf'fc1_\w+?_c(?P<number>\d)\.{_KIND}'),
)
#: Part of a block -> number of its convolution, None for the shortcut.
_PARTS = dict(reduce=1, conv3x3=2, increase=3, shortcut=None)
_CAFFE_PARTS = {'2a': 1, '2b': 2, '2c': 3, '1': None}


def strip_wrappers(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Take off the prefixes that all names share, however many."""
    stripped = dict(weights)
    while True:
        before = stripped
        for prefix in _WRAPPERS:
            stripped = strip_common_prefix(stripped, prefix)
        if stripped.keys() == before.keys():
            return stripped


def deeplabv2_to_bas_mm(names: Iterable[str]) -> dict[str, str]:
    """Names of published weights to those of ``MultiScaleEncoderDecoder`` with our head.

    Args:
        names: The names, without the wrappers' prefixes.

    Returns:
        Source name -> target name; names that are not known are left out.
    """
    targets = {name: _target(name) for name in names}
    return {name: target for name, target in targets.items() if target is not None}


def _target(name: str) -> str | None:
    for pattern in _HEADS:
        if match := pattern.fullmatch(name):
            return f'decode_head.convs.{match["number"]}.{match["kind"]}'
    if _TORCHVISION.fullmatch(name):
        return f'backbone.{name}'
    if match := _STEM.fullmatch(name):
        return f'backbone.{match["layer"]}1.{match["kind"]}'
    if match := _BLOCK.fullmatch(name):
        return _in_block(
            match, int(match['block']) - 1, _PARTS[match['part']], match['layer'] == 'bn'
        )
    if match := _CAFFE_STEM.fullmatch(name):
        layer = 'conv1' if match['layer'] == 'conv1' else 'bn1'
        return f'backbone.{layer}.{match["kind"]}'
    if match := _CAFFE_BLOCK.fullmatch(name):
        # a, b, c where a stage has three blocks, a, b1, b2 … where it has more.
        letter, number = match['block'][0], match['block'][1:]
        block = int(number) if number else 'abc'.index(letter)
        return _in_block(match, block, _CAFFE_PARTS[match['part']], match['layer'] != 'res')
    return None


def _in_block(match: re.Match, block: int, conv: int | None, is_norm: bool) -> str:
    """The target of a weight of a block; these families count stages from the stem, as 1."""
    if conv is None:
        layer = f'downsample.{int(is_norm)}'
    else:
        layer = f'{"bn" if is_norm else "conv"}{conv}'
    return f'backbone.layer{int(match["stage"]) - 1}.{block}.{layer}.{match["kind"]}'
