import torch
import torch.nn as nn

from bas_mm.models.functional import area, background_activation_suppression
from bas_mm.registry import MODELS


@MODELS.register_module()
class AMCLoss(nn.Module):
    """Activation Map Constraint: background activation suppression and area.

    The two terms of BAS that hold each other: L_bas lets the map grow until the background no
    longer activates the class, L_area lets it shrink.

    Args:
        area_weight (float): β, the weight of L_area.
        bas_weight (float): weight of L_bas. Default: 1.
        saturated (float): value of L_bas where the background activates the class more than the
            whole image does; without gradient. Default: 1, the paper's; the published VGG16 code
            writes 0.
    """

    def __init__(self, area_weight: float, bas_weight: float = 1.0, saturated: float = 1.0) -> None:
        super().__init__()
        self.area_weight = area_weight
        self.bas_weight = bas_weight
        self.saturated = saturated

    def forward(
        self,
        score: torch.Tensor,
        background_score: torch.Tensor,
        foreground_map: torch.Tensor,
        weight: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """The weighted terms, each the mean over the batch.

        Args:
            score (Tensor): S, (N,), the class's score of the whole image, before the ReLU.
            background_score (Tensor): S_b, (N,), its score of the background features.
            foreground_map (Tensor): M_f, (N, 1, h, w) in [0, 1].
            weight (Tensor, optional): of each image in both means, (N,). Default: 1.

        Returns:
            dict[str, Tensor]: ``loss_bas`` and ``loss_area``, scalars.
        """
        bas = background_activation_suppression(score, background_score, self.saturated)
        share = area(foreground_map)
        if weight is not None:
            bas, share = bas * weight, share * weight
        return dict(
            loss_bas=self.bas_weight * bas.mean(),
            loss_area=self.area_weight * share.mean(),
        )
