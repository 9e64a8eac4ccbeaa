import torch

from bas_mm.models.functional import take_maps


class ClassActivationMaps:
    """What makes a :class:`ClassMapClassifier` localize by its class maps: CAM, the baseline.

    A mixin, to be named before the classifier.
    """

    def loss_terms(self, inputs: torch.Tensor, *targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """The training forward: the head's loss of the class maps.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            *targets (Tensor): those of ``loss_targets``: y, (N,), int64; of images with several
                labels t, (N, C) of 0 and 1.

        Returns:
            dict[str, Tensor]: the terms of the head's ``loss``.
        """
        _, tail_features = self.extract_feat(inputs)
        return self.head.loss(self.head(tail_features), *targets)

    def maps(
        self,
        features: torch.Tensor,
        class_maps: torch.Tensor,
        classes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """ReLU of the class maps: (N, K or C, h', w'), from 0 on, at the tail's size."""
        return take_maps(class_maps, classes).relu()
