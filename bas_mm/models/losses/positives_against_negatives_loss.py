import torch
import torch.nn as nn

from bas_mm.models.functional import positives_against_negatives
from bas_mm.registry import MODELS


@MODELS.register_module()
class PositivesAgainstNegativesLoss(nn.Module):
    """The multi-label classification loss of BAS-Seg; see :func:`positives_against_negatives`.

    Args:
        loss_weight (float): weight of the term. Default: 1.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The weighted mean over the batch.

        Args:
            scores (Tensor): score_1, (N, C).
            targets (Tensor): t, (N, C) of 0 and 1.

        Returns:
            Tensor: a scalar.
        """
        return self.loss_weight * positives_against_negatives(scores, targets).mean()
