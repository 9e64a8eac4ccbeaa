import torch
from mmengine.model import BaseModule


class MeanShift(BaseModule):
    """Takes the mean of the training images off a field in testing; leaves it alone in training.

    Attributes:
        running_mean (Tensor): (C,), a buffer: 0 until :class:`DisplacementMeanHook` or a
            checkpoint sets it.

    Args:
        num_features (int): C.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer('running_mean', torch.zeros(num_features))

    def forward(self, field: torch.Tensor) -> torch.Tensor:
        """(N, C, h, w) to the same size."""
        if self.training:
            return field
        return field - self.running_mean[:, None, None]
