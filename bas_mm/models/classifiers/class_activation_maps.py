import torch

from bas_mm.models.functional import take_maps


class ClassActivationMaps:
    """What makes a :class:`ClassMapClassifier` localize by its class maps: CAM, the baseline.

    A mixin, to be named before the classifier.
    """

    def maps(
        self,
        features: torch.Tensor,
        class_maps: torch.Tensor,
        classes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """ReLU of the class maps: (N, K or C, h', w'), from 0 on, at the tail's size."""
        return take_maps(class_maps, classes).relu()
