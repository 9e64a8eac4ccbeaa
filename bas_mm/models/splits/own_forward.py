"""Whether submodules, run one after the other, are a backbone's own forward pass."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
import torch.nn as nn
from mmengine.logging import print_log

from bas_mm.utils.cudnn_search import without_cudnn_search
from bas_mm.utils.evaluation_mode import evaluation_mode

from .stage_tables import freeze_unused, origin_of_table, require_chain

__all__ = ['StagesCheck', 'check_of_stages', 'difference_from_forward']

# What a module was given and what it returned, at each of its calls.
_Calls = list[tuple[torch.Tensor, torch.Tensor]]


def difference_from_forward(
    backbone: nn.Module, modules: Sequence[str], images: torch.Tensor, to_the_end: bool = True
) -> str | None:
    """Where submodules, run in order, would compute something else than the backbone itself.

    The backbone runs once, in eval mode and without gradients. Each submodule must be given there
    what the one before it returned: a step between two of them that a function makes, as in
    ``self.bn1(x).relu()``, is found, and so is a submodule that was left out. Where the submodules
    end early, or the backbone goes on to class scores, what follows is not looked at. In place of
    an ``nn.Sequential`` that the backbone does not call, but runs child by child, its children are
    looked at.

    Args:
        backbone (nn.Module): in any mode; its statistics stay as they are.
        modules (Sequence[str]): dotted names of its submodules.
        images (Tensor): (N, 3, H, W), normalised; one picture is enough.
        to_the_end (bool): whether the last submodule ends the backbone: then an output of the
            backbone must be what that one returns, if there is any of its shape. Default: True.

    Returns:
        str | None: what differs first, in words; None where nothing does.

    Examples:
        >>> import torch.nn as nn
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))
        >>> images = torch.rand(1, 3, 9, 9)
        >>> difference_from_forward(net, ['0', '1', '2'], images)
        >>> difference_from_forward(net, ['0', '2'], images)
        "in Sequential's own forward pass '2' is not given what '0' returns"
    """
    own = f"in {type(backbone).__name__}'s own forward pass"
    outputs, failed = [], False
    with _calls_of(backbone, modules) as calls:
        try:
            with (
                torch.no_grad(),
                # Older torch, such as 2.10, keeps the weights that autocast casts here, without
                # gradients, for the training step around this: it would give them none.
                torch.autocast(images.device.type, enabled=False),
                evaluation_mode(backbone),
                without_cudnn_search(),
            ):
                outputs = list(_maps_in(backbone(images)))
        except Exception:
            # Of a classifier for pictures of another size, say, which no stage is.
            failed = True
    x, before = images, None
    for name in _called(backbone, modules, calls):
        if not calls[name]:
            return None if failed else f'{own} {name!r} is not called'
        after = next((y for given, y in calls[name] if _same(given, x)), None)
        if after is None:
            what = 'the pictures' if before is None else f'what {before!r} returns'
            return f'{own} {name!r} is not given {what}'
        x, before = after, name
    alike = [y for y in outputs if y.shape == getattr(x, 'shape', None)]
    if to_the_end and alike and not any(_same(y, x) for y in alike):
        return f'{own} something follows what {before!r} returns'
    return None


@contextmanager
def _calls_of(backbone: nn.Module, modules: Sequence[str]) -> Iterator[Mapping[str, _Calls]]:
    """Note the calls of submodules, and of what sequences among them hold, by name."""
    calls: dict[str, _Calls] = {name: [] for name in _with_children(backbone, modules)}
    with ExitStack() as stack:
        for name, own in calls.items():
            module, waiting = backbone.get_submodule(name), []
            for handle in (
                module.register_forward_pre_hook(partial(_note, waiting), with_kwargs=True),
                module.register_forward_hook(partial(_noted, waiting, own)),
            ):
                stack.callback(handle.remove)
        yield calls


def _children(backbone: nn.Module, name: str) -> list[str]:
    """What a submodule that is a sequence runs, in order; nothing for any other."""
    module = backbone.get_submodule(name)
    plain = type(module).forward is nn.Sequential.forward
    # named_children() passes over a module that comes again.
    return [f'{name}.{child}' for child in module._modules] if plain else []


def _with_children(backbone: nn.Module, modules: Sequence[str]) -> Iterator[str]:
    for name in modules:
        yield name
        yield from _with_children(backbone, _children(backbone, name))


def _called(
    backbone: nn.Module, modules: Sequence[str], calls: Mapping[str, _Calls]
) -> Iterator[str]:
    """The submodules, and in place of sequences that were run child by child their children."""
    for name in modules:
        parts = [] if calls[name] else list(_called(backbone, _children(backbone, name), calls))
        yield from parts if any(calls[part] for part in parts) else [name]


def _note(waiting: list, module: nn.Module, args: tuple, kwargs: dict) -> None:
    waiting.append(_copy(next(iter((*args, *kwargs.values())), None)))


def _noted(waiting: list, calls: _Calls, module: nn.Module, args: tuple, output: Any) -> None:
    calls.append((waiting.pop(), _copy(output)))


def _copy(value: Any) -> Any:
    """What a later step cannot overwrite."""
    return value.clone() if isinstance(value, torch.Tensor) else value


def _maps_in(output: Any) -> Iterator[torch.Tensor]:
    """The feature maps of what a backbone returns."""
    if isinstance(output, torch.Tensor):
        if output.ndim == 4:
            yield output
    elif isinstance(output, Mapping):
        yield from _maps_in(list(output.values()))
    elif isinstance(output, Sequence) and not isinstance(output, str):
        for part in output:
            yield from _maps_in(part)


def _same(a: Any, b: Any) -> bool:
    tensors = isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor)
    if not tensors or a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)


class StagesCheck:
    """A look at a table of stages that nobody has tried yet, at the first training step.

    Args:
        modules (Sequence[str]): the submodules that are run, in order.
        key (str): where the table comes from, for the message.
        to_the_end (bool): see :func:`difference_from_forward`.
        needed (bool): False for the tables of this package, which its tests have tried.
    """

    def __init__(self, modules: Sequence[str], key: str, to_the_end: bool, needed: bool) -> None:
        self.modules = list(modules)
        self.key = key
        self.to_the_end = to_the_end
        self.pending = needed

    def difference(self, backbone: nn.Module, images: torch.Tensor) -> str | None:
        """See :func:`difference_from_forward`."""
        return difference_from_forward(backbone, self.modules, images, self.to_the_end)

    def once(self, backbone: nn.Module, images: torch.Tensor) -> None:
        """Say in the log where the stages differ from the backbone; nothing at later calls.

        Args:
            backbone (nn.Module): their backbone.
            images (Tensor): (N, 3, H, W), normalised; the first is looked at.
        """
        if not self.pending or torch.compiler.is_compiling():
            return
        self.pending = False
        difference = self.difference(backbone, images[:1])
        if difference is not None:
            print_log(
                f'{self.key}: {difference}. The stages are run one after the other, without any '
                'step between them: name the submodules that are missing, and make a small '
                'nn.Module of what a function does there, such as relu() or a pooling',
                logger='current',
                level=logging.WARNING,
            )


def check_of_stages(
    backbone: nn.Module,
    used: Sequence[str],
    to_the_end: bool,
    stages: Mapping[str, Sequence[str]] | None,
    key: str,
) -> StagesCheck:
    """Judge the submodules of a stage table that are run, and freeze the rest of the backbone.

    Args:
        backbone (nn.Module): the backbone.
        used (Sequence[str]): dotted names of those submodules, in order.
        to_the_end (bool): whether the last one ends the backbone.
        stages (dict[str, list[str]], optional): the table of the config; None for the backbone's.
        key (str): where a config names it.

    Returns:
        StagesCheck: what looks at them at the first training step, where that is needed.

    Raises:
        ValueError: one is not there, or has no forward pass; the message has the key.
    """
    require_chain(backbone, used, key)
    place, tried = origin_of_table(backbone, stages, key)
    freeze_unused(backbone, used, None if tried else place)
    return StagesCheck(used, place, to_the_end, needed=not tried)
