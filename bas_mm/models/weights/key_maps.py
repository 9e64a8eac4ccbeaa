"""Names of weights: from where networks are published to the modules bas_mm builds.

A *rename* is a function from the names in a checkpoint to a dict source name -> target name. It
leaves out the names that it does not know, so that the caller can report them; it looks at names
only, so that it serves tensors, shapes and gradients alike.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Any

__all__ = [
    'BACKBONE_RENAMES',
    'PUBLISHED_BACKBONES',
    'Rename',
    'detect_published_backbone',
    'published_mobilenet_v1',
    'published_to_bas_mm',
    'published_vgg',
    'same_names',
    'strip_common_prefix',
    'torchvision_mobilenet_v2',
    'torchvision_vgg',
    'unwrap',
]

Rename = Callable[[Iterable[str]], dict[str, str]]


def unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The weights inside a checkpoint, by name.

    Args:
        checkpoint: What ``torch.load`` gave: the weights themselves, or a dict that holds them
            under ``state_dict`` or ``model`` among other entries. A prefix ``module.``, which
            DistributedDataParallel leaves, is taken off.

    Returns:
        Name -> weight.

    Raises:
        ValueError: There are no named weights in it.
    """
    weights: Any = checkpoint
    for key in ('state_dict', 'model'):
        if isinstance(weights, Mapping) and isinstance(weights.get(key), Mapping):
            weights = weights[key]
    if not isinstance(weights, Mapping):
        raise ValueError(f'no dict of weights in it, but a {type(weights).__name__}')
    # Optimizers and such lie beside the weights when there is no wrapping entry.
    weights = {k: v for k, v in weights.items() if isinstance(k, str) and hasattr(v, 'shape')}
    if not weights:
        raise ValueError('no named tensors in it, nor in its entries "state_dict" or "model"')
    return strip_common_prefix(weights, 'module.')


def strip_common_prefix(weights: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Take ``prefix`` off the names, if all of them have it; otherwise change nothing."""
    if all(name.startswith(prefix) for name in weights):
        return {name[len(prefix) :]: value for name, value in weights.items()}
    return dict(weights)


def same_names(names: Iterable[str]) -> dict[str, str]:
    """Networks whose names are the same on both sides.

    mmpretrain's own checkpoints; torchvision's ResNet family and Inception V3; the published BAS
    checkpoints of these two.
    """
    return {name: name for name in names}


def torchvision_vgg(names: Iterable[str]) -> dict[str, str]:
    """torchvision's VGG 11 to 19, with and without batch norm, to mmpretrain's ``VGG``.

    Both number the layers of one sequence ``features``. torchvision counts convolution, batch
    norm, ReLU and pool; mmpretrain counts convolution-with-its-followers and pool.
    """
    pattern = re.compile(r'features\.(\d+)\.(weight|bias|running_mean|running_var|num_batches_\w+)')
    matches = [match for match in map(pattern.fullmatch, names) if match]
    norms = {int(m[1]) for m in matches if m[2] == 'running_mean'}
    convs = sorted({int(m[1]) for m in matches} - norms)
    # A convolution starts so many entries after the one before, one more with a pool between.
    step = 3 if norms else 2
    index = {}
    place, previous = 0, None
    for conv in convs:
        if previous is not None:
            place += 1 if conv - previous == step else 2
        index[conv] = f'features.{place}.conv'
        if conv + 1 in norms:
            index[conv + 1] = f'features.{place}.bn'
        previous = conv
    return {m[0]: f'{index[int(m[1])]}.{m[2]}' for m in matches if int(m[1]) in index}


#: Blocks in each of MobileNetV2's seven stages (Sandler et al. 2018, table 2).
_MOBILENET_V2_REPEATS = (1, 2, 3, 4, 3, 3, 1)


def torchvision_mobilenet_v2(names: Iterable[str]) -> dict[str, str]:
    """torchvision's MobileNetV2 to mmpretrain's."""
    pattern = re.compile(r'features\.(\d+\.\d|\d+\.conv\.\d(\.\d)?)\.\w+')
    ends = tuple(accumulate(_MOBILENET_V2_REPEATS))
    last = ends[-1] + 1
    kinds = {'0': 'conv', '1': 'bn'}
    result = {}
    for name in names:
        if pattern.fullmatch(name) is None:
            continue
        parts = name.split('.')
        block = int(parts[1])
        if block in (0, last) and parts[2] in kinds:
            stem = 'conv1' if block == 0 else 'conv2'
            result[name] = f'{stem}.{kinds[parts[2]]}.{parts[3]}'
        elif 0 < block < last and parts[2] == 'conv':
            stage = next(i for i, end in enumerate(ends) if block <= end)
            number = block - 1 - (ends[stage - 1] if stage else 0)
            if len(parts) == 6:
                # Convolution, batch norm and ReLU6 in a sequence of their own.
                layer, kind = parts[3], kinds.get(parts[4])
            else:
                # The linear projection: a bare convolution and the batch norm after it. The
                # first block has no expansion before its depthwise convolution.
                projection = 1 if block == 1 else 2
                layer, kind = str(projection), kinds.get(str(int(parts[3]) - projection))
            if kind is not None:
                result[name] = f'layer{stage + 1}.{number}.conv.{layer}.{kind}.{parts[-1]}'
    return result


def published_mobilenet_v1(names: Iterable[str]) -> dict[str, str]:
    """MobileNetV1 as published with BAS (``model.N.M``) to bas_mm's ``MobileNetV1``.

    ImageNet weights of MobileNetV1 in circulation have these names too.
    """
    layers = {
        '0': 'depthwise_conv.conv',
        '1': 'depthwise_conv.bn',
        '3': 'pointwise_conv.conv',
        '4': 'pointwise_conv.bn',
    }
    stem = {'0': 'stem.conv', '1': 'stem.bn'}
    result = {}
    for name in names:
        match = re.fullmatch(r'model\.(\d+)\.(\d+)\.(\w+)', name)
        if match is None:
            continue
        block, layer, kind = match.groups()
        if block == '0':
            target = stem.get(layer)
        else:
            target = f'block{block}.{layers[layer]}' if layer in layers else None
        if target is not None:
            result[name] = f'{target}.{kind}'
    return result


def published_vgg(names: Iterable[str]) -> dict[str, str]:
    """VGG as published with BAS (``conv3_1.weight``) to mmpretrain's ``VGG``."""
    pattern = re.compile(r'conv(\d+)_(\d+)\.(weight|bias)')
    matches = [match for match in map(pattern.fullmatch, names) if match]
    sizes: dict[int, int] = {}
    for match in matches:
        sizes[int(match[1])] = max(sizes.get(int(match[1]), 0), int(match[2]))
    result = {}
    for match in matches:
        # Each block before ends with a pool, which counts.
        before = sum(size + 1 for block, size in sizes.items() if block < int(match[1]))
        result[match[0]] = f'features.{before + int(match[2]) - 1}.conv.{match[3]}'
    return result


#: All renames onto a backbone's own names, by the name of the format.
BACKBONE_RENAMES: dict[str, Rename] = {
    'mmpretrain': same_names,
    'torchvision VGG': torchvision_vgg,
    'torchvision MobileNetV2': torchvision_mobilenet_v2,
    'published MobileNetV1': published_mobilenet_v1,
    'published VGG': published_vgg,
}

#: The networks published with BAS: their name in our config files -> a weight that tells them from
#: those below, and the rename of their backbone. BAS-Seg is a ResNet50 too: it comes first.
PUBLISHED_BACKBONES: dict[str, tuple[str, Rename]] = {
    'bas_seg_resnet50': ('classifier_cls.weight', same_names),
    'vgg16': ('conv1_1.weight', published_vgg),
    'mobilenetv1': ('model.0.0.weight', published_mobilenet_v1),
    'resnet50': ('layer1.0.conv1.weight', same_names),
    'inceptionv3': ('Conv2d_1a_3x3.conv.weight', same_names),
}


def detect_published_backbone(names: Iterable[str]) -> str:
    """Which of the published networks has these names.

    Args:
        names: The names in a published checkpoint, without ``module.``.

    Returns:
        A key of ``PUBLISHED_BACKBONES``.

    Raises:
        ValueError: None of them; the message lists what was looked for.
    """
    names = set(names)
    for backbone, (first, _) in PUBLISHED_BACKBONES.items():
        if first in names:
            return backbone
    looked_for = ', '.join(f'{first} ({name})' for name, (first, _) in PUBLISHED_BACKBONES.items())
    found = ', '.join(sorted(names)[:5])
    raise ValueError(f'not a published BAS network: none of {looked_for} is in it, but {found} …')


def published_to_bas_mm(names: Iterable[str], backbone: str) -> dict[str, str]:
    """Names of a published BAS checkpoint to those of bas_mm's ``BASClassifier``.

    Args:
        names: The names, without ``module.``.
        backbone: A key of ``PUBLISHED_BACKBONES``.

    Returns:
        Source name -> target name. ``same_names`` places any name, so what is not a weight of
        the network shows only when the targets are compared with the model.
    """
    heads = {'classifier_cls.': 'head.classifier.', 'classifier_loc.0.': 'generator.conv.'}
    result = {}
    rest = []
    for name in names:
        prefix = next((p for p in heads if name.startswith(p)), None)
        if prefix is None:
            rest.append(name)
        else:
            result[name] = heads[prefix] + name[len(prefix) :]
    _, rename = PUBLISHED_BACKBONES[backbone]
    result.update({name: f'backbone.{target}' for name, target in rename(rest).items()})
    return result
