import torch
from mmpretrain.models.utils.data_preprocessor import ClsDataPreprocessor
from mmpretrain.structures import DataSample

from bas_mm.registry import MODELS


@MODELS.register_module()
class LocalizationDataPreprocessor(ClsDataPreprocessor):
    """mmpretrain's preprocessor that also takes several views of each image.

    Inputs (N, 3, H, W) are handled as there; inputs (N, V, 3, H, W), as ten-crop testing makes
    them, get the same colour conversion and normalisation and keep their five dimensions.

    Args:
        non_blocking (bool): whether the host goes on while labels, and pictures in pinned memory
            (``pin_memory=True`` of the loader), travel to the device. Default: True.
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
        self._send_labels(data.get('data_samples'))
        inputs = data['inputs']
        if not isinstance(inputs, torch.Tensor):
            if inputs[0].ndim != 4:
                return super().forward(data, training)
            inputs = torch.stack(list(inputs))
        if inputs.ndim != 5:
            return super().forward(data, training)
        flat = super().forward({**data, 'inputs': inputs.flatten(0, 1)}, training)
        return {**flat, 'inputs': flat['inputs'].unflatten(0, inputs.shape[:2])}

    def _send_labels(self, samples: list[DataSample] | None) -> None:
        """Put a batch's labels on the device, so that mmpretrain, which would wait, need not."""
        if not (samples and self._non_blocking and self.device.type != 'cpu'):
            return
        for field in ('gt_label', 'gt_score'):
            if all(isinstance(sample, DataSample) and field in sample for sample in samples):
                self._send(samples, field)

    def _send(self, samples: list[DataSample], field: str) -> None:
        """Put one vector of each sample on the device: a single copy, from pinned memory."""
        vectors = [sample.get(field) for sample in samples]
        if any(vector.device.type != 'cpu' for vector in vectors):
            return  # sent before: a batch of training that is tested as well, for its pictures
        joined = torch.cat(vectors)
        if torch.cuda.is_available():  # from other memory the host waits whatever it was told
            joined = joined.pin_memory()
        joined = joined.to(self.device, non_blocking=True)
        for sample, vector in zip(samples, joined.split([len(v) for v in vectors])):
            sample.set_field(vector, field, dtype=torch.Tensor)
