import torch

from bas_mm.registry import MODELS

from .class_activation_maps import ClassActivationMaps
from .multi_label_classifier import MultiLabelClassifier


@MODELS.register_module()
class MultiLabelCAMClassifier(ClassActivationMaps, MultiLabelClassifier):
    """Class activation maps of images with several labels: the seeds' baseline.

    Map: ReLU of the class maps. ``head`` is a :class:`MultiLabelCAMHead`.
    """

    def loss_terms(self, inputs: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """The training forward.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            targets (Tensor): t, (N, C) of 0 and 1.

        Returns:
            dict[str, Tensor]: the terms of :meth:`MultiLabelCAMHead.loss`.
        """
        _, tail_features = self.extract_feat(inputs)
        return self.head.loss(self.head(tail_features), targets)
