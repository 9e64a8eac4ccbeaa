"""A backbone cut in two: the front gives F, the tail the features that are classified."""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn as nn
from mmengine.model import BaseModule

from bas_mm.models.functional import run_chain
from bas_mm.registry import MODELS

from .own_forward import check_of_stages
from .stage_tables import stage_table


class BackboneSplit(BaseModule):
    """Runs a backbone up to a split point, and on from there.

    The split holds the *names* of the backbone's stages and, when the recipe asks for one, the
    ``bridge`` between front and tail. The backbone stays its owner's: it is passed to every call,
    so that its parameters keep the names that mmpretrain gave them.

    Args:
        backbone (nn.Module): the backbone to be split; only looked at.
        point (str): F is the output of this stage.
        end (str, optional): the tail ends with this stage; later ones are left out and their
            parameters frozen, because nothing would give them a gradient. Default: the last one.
        bridge (dict, optional): config of a module between F and the tail, for example the
            max-pool 2 before ResNet50's layer4. It is part of the tail.
        stages (dict[str, list[str]], optional): stage table for a backbone that has none built in:
            stage name -> names of the submodules that are run in order. Default: built in.

    Attributes:
        check (StagesCheck): compares the stages with the backbone's own forward pass;
            ``check.difference(backbone, images)`` says where they differ.

    Raises:
        ValueError: a point, an end or a submodule that the backbone does not have; the message
            names the config key and lists those it has.
    """

    def __init__(
        self,
        backbone: nn.Module,
        point: str,
        end: str | None = None,
        bridge: dict | None = None,
        stages: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        name = type(backbone).__name__
        table = stage_table(backbone, stages)
        known = list(table)
        end = known[-1] if end is None else end
        for key, stage in (('point', point), ('end', end)):
            if stage not in table:
                raise ValueError(
                    f'model.split.{key}={stage!r} is not a split point of {name}; it has: '
                    f'{", ".join(known)}.'
                )
        split, stop = known.index(point) + 1, known.index(end) + 1
        if stop <= split:
            raise ValueError(
                f'model.split: end={end!r} must come after point={point!r}; the split points of '
                f'{name}, in order: {", ".join(known)}.'
            )
        self.point, self.end = point, end
        self.front_names = [module for stage in known[:split] for module in table[stage]]
        self.tail_names = [module for stage in known[split:stop] for module in table[stage]]
        self.bridge = MODELS.build(bridge) if bridge is not None else None
        used = self.front_names + self.tail_names
        to_the_end = stop == len(known)
        self.check = check_of_stages(backbone, used, to_the_end, stages, 'model.split.stages')

    def front(
        self,
        backbone: nn.Module,
        images: torch.Tensor,
        run: Callable[[list[nn.Module], torch.Tensor], torch.Tensor] = run_chain,
    ) -> torch.Tensor:
        """F, the feature map where the generator sits.

        Args:
            backbone (nn.Module): the backbone this split was made for.
            images (Tensor): (N, 3, H, W), normalised.
            run (Callable): runs modules in order. Default: and does nothing else.

        Returns:
            Tensor: (N, C_F, h, w).
        """
        return run([backbone.get_submodule(name) for name in self.front_names], images)

    def tail_modules(self, backbone: nn.Module) -> list[nn.Module]:
        """The modules that lead from F to the features, in order, the bridge first."""
        modules = [] if self.bridge is None else [self.bridge]
        return modules + [backbone.get_submodule(name) for name in self.tail_names]

    def tail(
        self,
        backbone: nn.Module,
        features: torch.Tensor,
        run: Callable[[list[nn.Module], torch.Tensor], torch.Tensor] = run_chain,
    ) -> torch.Tensor:
        """The backbone's last features from F: (N, C_F, h, w) -> (N, C_tail, h', w')."""
        return run(self.tail_modules(backbone), features)
