import torch


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
        if classes is not None:
            index = classes[:, :, None, None].expand(-1, -1, *class_maps.shape[-2:])
            class_maps = class_maps.gather(1, index)
        return class_maps.relu()
