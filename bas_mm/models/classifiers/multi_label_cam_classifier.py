import torch
from mmpretrain.structures import DataSample

from bas_mm.registry import MODELS

from .class_activation_maps import ClassActivationMaps
from .multi_label_classifier import MultiLabelClassifier


@MODELS.register_module()
class MultiLabelCAMClassifier(ClassActivationMaps, MultiLabelClassifier):
    """Class activation maps of images with several labels: the seeds' baseline.

    Map: ReLU of the class maps. ``head`` is a :class:`MultiLabelCAMHead`.
    """

    def loss(self, inputs: torch.Tensor, data_samples: list[DataSample]) -> dict:
        """The training forward.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[DataSample]): with ``gt_label`` or ``gt_score``.

        Returns:
            dict[str, Tensor]: the terms of :meth:`MultiLabelCAMHead.loss`.
        """
        _, tail_features = self.extract_feat(inputs)
        targets = self.targets_of(data_samples, inputs.device)
        return self.head.loss(self.head(tail_features), targets)
