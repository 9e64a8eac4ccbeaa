"""The pseudo mask of one picture from IRNet and seeds."""

from __future__ import annotations

import torch
from torch import nn

from bas_mm.models.functional.random_walk import propagate, seeds_to_labels

from .functional.masks import MaskParams

__all__ = ['UNUSABLE', 'MaskMaker']

#: Of a picture without a usable mask; no class has this label.
UNUSABLE = 255


class MaskMaker:
    """Makes masks: the seeds walk up to the boundaries that IRNet sees.

    Args:
        model (nn.Module): With ``boundary_with_mirror(inputs)`` and ``data_preprocessor``. It is
            set to evaluation.
        params (MaskParams): Settings. Defaults to the spec's.

    Raises:
        TypeError: The model sees no boundaries.
    """

    def __init__(self, model: nn.Module, params: MaskParams | None = None) -> None:
        for name in ('boundary_with_mirror', 'data_preprocessor'):
            if not hasattr(model, name):
                raise TypeError(f'{type(model).__name__} has no {name}: masks need IRNet')
        self.model = model.eval()
        self.params = params or MaskParams()
        self.device = next(model.parameters()).device

    @torch.inference_mode()
    def start(
        self, picture: torch.Tensor, seeds: torch.Tensor, classes: torch.Tensor
    ) -> torch.Tensor:
        """Queue the work of one picture on the device: network, walk, labels.

        Args:
            picture (Tensor): (3, h, w) uint8 BGR.
            seeds (Tensor): (K, ceil(h / 4), ceil(w / 4)) float32 in [0, 1].
            classes (Tensor): (K,) int64 in [0, 254).

        Returns:
            Tensor: (h, w) uint8 on the device: 0 background, k + 1 class k; :data:`UNUSABLE`
            everywhere where IRNet's boundaries are not finite.

        Raises:
            ValueError: IRNet's map is not one at 1/4 of the picture.
        """
        data = {'inputs': [picture.to(self.device, non_blocking=True)]}
        inputs = self.model.data_preprocessor(data, False)['inputs']
        (boundary,) = self.model.boundary_with_mirror(inputs)
        if boundary.shape != seeds.shape[-2:]:
            raise ValueError(
                f'IRNet gives {tuple(boundary.shape)} points for {tuple(picture.shape[-2:])} '
                f'pixels, but the seeds at 1/4 are {tuple(seeds.shape[-2:])}: its first stride '
                'must be 4, and its data_preprocessor must not pad pictures in testing'
            )
        p = self.params
        scores = propagate(
            boundary,
            seeds.to(self.device, non_blocking=True),
            tuple(picture.shape[-2:]),
            p.radius,
            p.beta,
            p.steps,
            p.power,
        )
        labels = seeds_to_labels(scores, classes, p.background)
        # With the labels, as to read it by itself the host would wait for the device.
        return torch.where(boundary.isfinite().all(), labels, UNUSABLE)
