import torch
from mmpretrain.structures import DataSample

from bas_mm.registry import MODELS

from .localization_classifier import LocalizationClassifier


@MODELS.register_module()
class CAMClassifier(LocalizationClassifier):
    """Class activation maps with BAS's backbone and classifier: the baseline.

    Trained by the cross-entropy of score_1 alone; the map is ReLU of A[y], at the tail's size.
    """

    def maps(
        self,
        features: torch.Tensor,
        class_maps: torch.Tensor,
        classes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """ReLU of the class maps: (N, K or C, h', w'), from 0 on, at the tail's size."""
        if classes is not None:
            index = classes[:, :, None, None].expand(-1, -1, *class_maps.shape[-2:])
            class_maps = class_maps.gather(1, index)
        return class_maps.relu()

    def loss(self, inputs: torch.Tensor, data_samples: list[DataSample]) -> dict:
        """The training forward.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[DataSample]): with ``gt_label``.

        Returns:
            dict[str, Tensor]: the terms of :meth:`CAMHead.loss`.
        """
        _, tail_features = self.extract_feat(inputs)
        return self.head.loss(self.head(tail_features), self.labels_of(data_samples))
