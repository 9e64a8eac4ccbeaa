"""Seeds of one picture from a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from bas_mm.utils.arguments import scale_factors

from .functional.seed_sizes import strided_size
from .functional.seeds import merge_scales, normalise_maps
from .seed_file import SeedFile

__all__ = ['SeedMaker', 'SeedParams']


class SeedMaker:
    """Makes seeds by a network over several scales and their mirror images.

    Args:
        model (nn.Module): With ``localization_maps(inputs, classes)`` and ``data_preprocessor``.
            It is set to evaluation.
        flip (bool): Whether mirror images are added. Defaults to True.

    Raises:
        TypeError: The model makes no localization maps.
    """

    def __init__(self, model: nn.Module, flip: bool = True) -> None:
        for name in ('localization_maps', 'data_preprocessor'):
            if not hasattr(model, name):
                raise TypeError(
                    f'{type(model).__name__} has no {name}: seeds need a model such as '
                    'BASSegClassifier'
                )
        self.model = model.eval()
        self.flip = flip
        self.device = next(model.parameters()).device

    @torch.inference_mode()
    def start(
        self, views: Sequence[torch.Tensor], classes: torch.Tensor, size: tuple[int, int]
    ) -> torch.Tensor:
        """Queue the work of one picture on the device: network passes, merging, normalising.

        Args:
            views (Sequence[Tensor]): (3, h_s, w_s) uint8 BGR for each scale.
            classes (Tensor): (K,) int64, ascending.
            size (tuple[int, int]): Height h and width w of the picture.

        Returns:
            Tensor: Both sizes of the maps in one flat tensor, for :meth:`finish`.
        """
        labels = classes.to(self.device, non_blocking=True)[None]
        merged = merge_scales([self.scale_maps(view, labels) for view in views], size)
        return torch.cat([normalise_maps(maps).flatten() for maps in merged])

    @torch.inference_mode()
    def scale_maps(self, view: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """map(x) + mirror(map(mirror x)) of a view: (3, h, w) uint8, (1, K) -> (K, h', w')."""
        data = {'inputs': view.to(self.device, non_blocking=True)[None]}
        inputs = self.model.data_preprocessor(data, False)['inputs']
        if inputs.shape[-2:] != view.shape[-2:]:
            raise ValueError(
                f'data_preprocessor makes {tuple(view.shape[-2:])} pixels '
                f'{tuple(inputs.shape[-2:])}: seeds need pad_size_divisor=1'
            )
        if not self.flip:
            return self.model.localization_maps(inputs, classes)[0]
        # Normalised once, mirrored after it.
        inputs = torch.cat([inputs, inputs.flip(-1)])
        maps = self.model.localization_maps(inputs, classes.expand(2, -1))
        return maps[0] + maps[1].flip(-1)

    @staticmethod
    def finish(flat: torch.Tensor, classes: torch.Tensor, size: tuple[int, int]) -> SeedFile:
        """Wait for the device and bring the seeds to the host in one transfer."""
        labels = classes.cpu().numpy().astype(np.int64)
        shape = (len(labels), *strided_size(*size))
        values = flat.cpu().numpy()
        cut = int(np.prod(shape))
        return SeedFile(
            labels, values[:cut].reshape(shape), values[cut:].reshape(len(labels), *size)
        )


@dataclass(frozen=True)
class SeedParams:
    """What a config's ``seed_cfg`` may say.

    Args:
        scales: Factors of the picture's size.
        flip: Whether the mirror image takes part at each.
    """

    scales: Sequence[float] = (1.0, 0.5, 1.5, 2.0)
    flip: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, 'scales', scale_factors('seed_cfg.scales', self.scales))
