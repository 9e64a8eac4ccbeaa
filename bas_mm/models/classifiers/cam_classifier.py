import torch

from bas_mm.registry import MODELS

from .class_activation_maps import ClassActivationMaps
from .localization_classifier import LocalizationClassifier


@MODELS.register_module()
class CAMClassifier(ClassActivationMaps, LocalizationClassifier):
    """Class activation maps with BAS's backbone and classifier: the baseline.

    Trained by the cross-entropy of score_1 alone; the map is ReLU of A[y], at the tail's size.
    """

    def loss_terms(self, inputs: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """The training forward.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            labels (Tensor): y, (N,), int64.

        Returns:
            dict[str, Tensor]: the terms of :meth:`CAMHead.loss`.
        """
        _, tail_features = self.extract_feat(inputs)
        return self.head.loss(self.head(tail_features), labels)
