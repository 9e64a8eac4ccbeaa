"""Which submodules of a backbone run one after the other, under names that a config can split at.

A *stage table* maps the name of each possible split point, in order, to the dotted names of the
submodules that lead from the point before to it. Running all of them in order is the backbone's
own forward pass up to its last output. Names instead of modules: SyncBN conversion replaces
modules in the tree, and a kept reference would go on running the old one.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch.nn as nn
from mmengine.logging import print_log

from bas_mm.registry import MODELS

StageTable = dict[str, tuple[str, ...]]

# They have other classes of the names that the tables in this file have.
_OTHERS = ('timm', 'torchvision')

_PACKAGE = __name__.partition('.')[0]

_TABLES: dict[str, Callable[[nn.Module], StageTable]] = {}


def stage_table_of(*class_names: str) -> Callable:
    """Register a function that lists the stages of backbones with the ``forward`` of a class.

    The class that *defines* ``forward`` decides, not the class of the backbone: a subclass that
    only builds other blocks (ResNeXt, SE-ResNet) keeps its parent's order of stages, one that
    writes its own forward (RegNet) does not.
    """

    def register(function: Callable[[nn.Module], StageTable]) -> Callable:
        for name in class_names:
            _TABLES[name] = function
        return function

    return register


def stage_table(
    backbone: nn.Module,
    stages: Mapping[str, Sequence[str]] | None = None,
    key: str = 'model.split.stages',
) -> StageTable:
    """The stage table of a backbone.

    Args:
        backbone (nn.Module): a backbone with a method ``stages()``, or one of mmpretrain's
            families listed in this file.
        stages (dict[str, list[str]], optional): the table of a config, in place of a built-in
            one; the backbone can then be any.
        key (str): where a config would name the stages, for the message. Default:
            'model.split.stages'.

    Returns:
        dict[str, tuple[str, ...]]: split point -> names of the submodules that lead to it.

    Raises:
        ValueError: the family is not known; the message says how to name the stages in a config.
    """
    if stages is not None:
        return {stage: tuple(modules) for stage, modules in stages.items()}
    if callable(getattr(type(backbone), 'stages', None)):
        return backbone.stages()
    owner = _owner(backbone, 'forward')
    name, package = owner.__name__, _package(owner)
    table = _TABLES.get(name)
    if table is not None and (package not in _OTHERS or table.__module__ != __name__):
        return table(backbone)
    other = f" (it is {package}'s; type='mmpretrain.{name}' has one)" if table else ''
    raise ValueError(
        f'model.backbone: {type(backbone).__name__} has no stage table{other}. Name its stages in '
        f"the config, e.g. {key}=dict(a=['conv1', 'bn1'], b=['layer1'], "
        "c=['layer2']), or use a backbone whose forward is that of one of mmpretrain's "
        f"{', '.join(sorted(_TABLES))}; or one of bas_mm's own: "
        f'{", ".join(sorted(_with_stages()))}. Networks that hand on tokens (ViT, Swin) cannot be '
        'split.'
    )


def origin_of_table(
    backbone: nn.Module,
    stages: Mapping[str, Sequence[str]] | None = None,
    key: str = 'model.split.stages',
) -> tuple[str, bool]:
    """Where the table that :func:`stage_table` gives comes from.

    Args:
        backbone (nn.Module): see :func:`stage_table`.
        stages (dict[str, list[str]], optional): see there.
        key (str): see there.

    Returns:
        tuple[str, bool]: the place, for messages, and whether it needs no look: the table is one
        of this package, for a forward pass of mmpretrain or of this package, which its tests try.
    """
    if stages is not None:
        return key, False
    owner = _owner(backbone, 'forward')
    if callable(getattr(type(backbone), 'stages', None)):
        owners = {_package(owner), _package(_owner(backbone, 'stages'))}
        return f'{type(backbone).__name__}.stages()', owners == {_PACKAGE}
    if _TABLES[owner.__name__].__module__ != __name__:
        return f'stage_table_of({owner.__name__!r})', False
    place = f"{key} (not given: those of mmpretrain's {owner.__name__})"
    return place, _package(owner) in (_PACKAGE, 'mmpretrain')


def _package(cls: type) -> str:
    return cls.__module__.partition('.')[0]


def _owner(backbone: nn.Module, method: str) -> type:
    """The class that defines a method of a backbone."""
    return next(cls for cls in type(backbone).__mro__ if method in vars(cls))


def require_chain(backbone: nn.Module, modules: Iterable[str], key: str) -> None:
    """Judge whether submodules of a backbone can be run one after the other.

    Args:
        backbone (nn.Module): the backbone.
        modules (Iterable[str]): their dotted names.
        key (str): where the config names them.

    Raises:
        ValueError: one is not there, or has no forward pass; the message has the key.
    """
    for module in modules:
        try:
            part = backbone.get_submodule(module)
        except AttributeError as error:
            raise ValueError(
                f'{key}: {type(backbone).__name__} has no submodule {module!r}; it has: '
                f'{", ".join(n for n, _ in backbone.named_children())}.'
            ) from error
        if type(part).forward is nn.Module.forward:
            raise ValueError(
                f'{key}: {module!r} of {type(backbone).__name__} is a collection of modules, which '
                'cannot be run: name those in it that run one after the other, such as '
                f'{module}.{next(iter(dict(part.named_children())), 0)}.'
            )


def freeze_unused(backbone: nn.Module, used: Iterable[str], key: str | None = None) -> None:
    """Freeze what nothing would give a gradient, which processes of a training would wait for.

    Args:
        backbone (nn.Module): a backbone of which only some submodules are run.
        used (Iterable[str]): the dotted names of those; their parameters are left as they are.
        key (str, optional): the table of stages that they come from. With it a warning in the log
            names those that the table may have forgotten: they have parameters, and stand before
            the last one that is run. Default: no warning.
    """
    kept = {id(p) for name in used for p in backbone.get_submodule(name).parameters()}
    forgotten = _unused_before_the_last(backbone, kept) if key is not None else []
    if forgotten:
        print_log(
            f'{key}: no stage runs {", ".join(forgotten)} of {type(backbone).__name__}, which '
            'stays frozen. If it belongs between the pictures and the last stage, name it there',
            logger='current',
            level=logging.WARNING,
        )
    for parameter in backbone.parameters():
        if id(parameter) not in kept:
            parameter.requires_grad_(False)


def _unused_before_the_last(backbone: nn.Module, kept: set[int]) -> list[str]:
    """Submodules with parameters, none of them kept, that stand before the last kept one."""
    run = [name for name, p in backbone.named_parameters() if id(p) in kept]
    order = [name for name, _ in backbone.named_parameters()]
    found = {}
    for name in order[: order.index(run[-1])] if run else []:
        if name not in run:
            # The outermost submodule of which nothing is run: a block, not each of its layers.
            parts = name.split('.')
            outer = ('.'.join(parts[:end]) for end in range(1, len(parts) + 1))
            found[next(o for o in outer if not any(f'{n}.'.startswith(f'{o}.') for n in run))] = 1
    return list(found)


def _with_stages() -> list[str]:
    """Our registered backbones that list their stages themselves."""
    return [
        name for name, cls in MODELS.module_dict.items() if callable(getattr(cls, 'stages', None))
    ]


@stage_table_of('ResNet')
def _resnet(backbone: nn.Module) -> StageTable:
    stem = ('stem',) if backbone.deep_stem else ('conv1', backbone.norm1_name, 'relu')
    return {'stem': (*stem, 'maxpool'), **{name: (name,) for name in backbone.res_layers}}


@stage_table_of('RegNet', 'ResNet_CIFAR')
def _resnet_without_pool(backbone: nn.Module) -> StageTable:
    stem = ('conv1', backbone.norm1_name, 'relu')
    return {'stem': stem, **{name: (name,) for name in backbone.res_layers}}


@stage_table_of('VGG')
def _vgg(backbone: nn.Module) -> StageTable:
    if backbone.num_classes > 0:
        raise ValueError(
            'model.backbone: VGG with its own classifier gives no map; set num_classes=-1.'
        )
    table = {}
    for stage, (start, end) in enumerate(backbone.range_sub_modules, 1):
        for i, j in enumerate(range(start, end), 1):
            # A stage is its convolutions and, unless it was dropped, one pooling.
            pool = isinstance(backbone.features[j], nn.MaxPool2d)
            table[f'pool{stage}' if pool else f'conv{stage}_{i}'] = (f'features.{j}',)
    return table


@stage_table_of('MobileNetV2')
def _mobilenet_v2(backbone: nn.Module) -> StageTable:
    return {name: (name,) for name in ('conv1', *backbone.layers)}


@stage_table_of('MobileNetV3')
def _mobilenet_v3(backbone: nn.Module) -> StageTable:
    return {name: (name,) for name in backbone.layers}


@stage_table_of('EfficientNet', 'EfficientNetV2')
def _efficientnet(backbone: nn.Module) -> StageTable:
    return {f'layer{i}': (f'layers.{i}',) for i in range(len(backbone.layers))}


@stage_table_of('ShuffleNetV2')
def _shufflenet_v2(backbone: nn.Module) -> StageTable:
    layers = {f'layer{i}': (f'layers.{i}',) for i in range(len(backbone.layers))}
    return {'stem': ('conv1', 'maxpool'), **layers}


@stage_table_of('ConvNeXt')
def _convnext(backbone: nn.Module) -> StageTable:
    table = {
        f'stage{i + 1}': (f'downsample_layers.{i}', f'stages.{i}')
        for i in range(len(backbone.stages))
    }
    # The norm of the last output belongs to the tail; as a LayerNorm over channels it takes maps.
    # Norms of earlier outputs are not on the way from the picture to the class maps.
    last = len(backbone.stages) - 1
    if hasattr(backbone, f'norm{last}'):
        table[f'stage{last + 1}'] += (f'norm{last}',)
    return table


@stage_table_of('DenseNet')
def _densenet(backbone: nn.Module) -> StageTable:
    stages = {
        f'stage{i + 1}': (f'stages.{i}', f'transitions.{i}') for i in range(backbone.num_stages)
    }
    return {'stem': ('stem',), **stages}


@stage_table_of('RepVGG')
def _repvgg(backbone: nn.Module) -> StageTable:
    table = {'stem': ('stem',), **{name: (name,) for name in backbone.stages}}
    table[backbone.stages[-1]] += ('ppf',)
    return table


@stage_table_of('MobileOne')
def _mobileone(backbone: nn.Module) -> StageTable:
    return {name: (name,) for name in ('stage0', *backbone.stages)}


@stage_table_of('CSPNet')
def _cspnet(backbone: nn.Module) -> StageTable:
    stages = {f'stage{i + 1}': (f'stages.{i}',) for i in range(len(backbone.stages))}
    return {'stem': ('stem',), **stages}
