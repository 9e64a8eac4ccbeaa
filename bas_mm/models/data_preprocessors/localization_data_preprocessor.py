import torch
from mmpretrain.models.utils.data_preprocessor import ClsDataPreprocessor

from bas_mm.registry import MODELS


@MODELS.register_module()
class LocalizationDataPreprocessor(ClsDataPreprocessor):
    """mmpretrain's preprocessor that also takes several views of each image.

    Inputs (N, 3, H, W) are handled as there; inputs (N, V, 3, H, W), as ten-crop testing makes
    them, get the same colour conversion and normalisation and keep their five dimensions.

    Args:
        non_blocking (bool): whether the host goes on while pictures in pinned memory travel to
            the device (``pin_memory=True`` of the loader). Default: True.
        **kwargs: those of mmpretrain's ``ClsDataPreprocessor`` (``mean``, ``std``, ``to_rgb`` …).
    """

    def __init__(self, *args, non_blocking: bool = True, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._non_blocking = non_blocking

    def forward(self, data: dict, training: bool = False) -> dict:
        """Move to the device, convert the colours, normalise.

        Args:
            data (dict): ``inputs`` and, optionally, ``data_samples`` of a batch.
            training (bool): whether to apply the training-time batch augmentations.

        Returns:
            dict: ``inputs`` float32, and ``data_samples``.
        """
        inputs = data['inputs']
        if not isinstance(inputs, torch.Tensor):
            if inputs[0].ndim != 4:
                return super().forward(data, training)
            inputs = torch.stack(list(inputs))
        if inputs.ndim != 5:
            return super().forward(data, training)
        flat = super().forward({**data, 'inputs': inputs.flatten(0, 1)}, training)
        return {**flat, 'inputs': flat['inputs'].unflatten(0, inputs.shape[:2])}
