import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import get_dist_info
from mmengine.hooks import Hook
from mmengine.visualization import Visualizer

from bas_mm.registry import HOOKS


@HOOKS.register_module()
class LocalizationVisualizationHook(Hook):
    """Draws every n-th picture of validation and test with its map and boxes.

    The picture is the view that the network saw (with ten crops, the centre one). Files are
    named by image id, below ``epoch_N`` in validation; the same pictures are drawn on one
    process and on several.

    Args:
        enable (bool): Whether to draw. Defaults to False.
        interval (int): Draw the pictures 0, n, 2n, ... of the data set. Defaults to 50.
        out_dir (str, optional): Where the PNG files go. Defaults to None: ``localization``
            in the run's log folder.
        show (bool): Whether to open a window as well. Defaults to False.
        wait_time (float): Seconds that the window stays; 0 waits for a key. Defaults to 0.
        threshold (float, optional): θ of the predicted box where the model gives none.
            Defaults to None.
        channel_order (str): 'bgr' or 'rgb': how the data set loads pictures. Defaults to 'bgr'.
    """

    # The view is stacked like this by the ten-crop transform: four corners, then the centre.
    CENTRE_CROP = 4

    def __init__(
        self,
        enable: bool = False,
        interval: int = 50,
        out_dir: str | None = None,
        show: bool = False,
        wait_time: float = 0.0,
        threshold: float | None = None,
        channel_order: str = 'bgr',
    ) -> None:
        if interval < 1:
            raise ValueError(f'interval must be at least 1, got {interval}')
        if channel_order not in ('bgr', 'rgb'):
            raise ValueError(f"channel_order must be 'bgr' or 'rgb', got {channel_order!r}")
        self.enable = enable
        self.interval = interval
        self.out_dir = out_dir
        self.show = show
        self.wait_time = wait_time
        self.threshold = threshold
        self.channel_order = channel_order
        self._seen = 0

    def before_val_epoch(self, runner) -> None:
        """Count from the first picture."""
        self._seen = 0

    def before_test_epoch(self, runner) -> None:
        """Count from the first picture."""
        self._seen = 0

    def after_val_iter(
        self, runner, batch_idx: int, data_batch=None, outputs: Sequence | None = None
    ) -> None:
        """Draw this batch's share of the pictures.

        Args:
            runner (Runner): the runner.
            batch_idx (int): not used.
            data_batch (dict, optional): ``inputs``, uint8.
            outputs (Sequence, optional): data samples with predictions.
        """
        # Outside of training (runner.val()) there is no epoch to tell files apart by.
        folder = f'epoch_{runner.epoch}' if getattr(runner, 'epoch', 0) else ''
        self._draw(runner, data_batch, outputs, folder)

    def after_test_iter(
        self, runner, batch_idx: int, data_batch=None, outputs: Sequence | None = None
    ) -> None:
        """Draw this batch's share of the pictures; arguments as in :meth:`after_val_iter`."""
        self._draw(runner, data_batch, outputs, '')

    def _draw(self, runner, data_batch, outputs: Sequence | None, folder: str) -> None:
        if not self.enable or not outputs:
            return
        rank, world_size = get_dist_info()
        base = Path(self.out_dir or os.path.join(runner.log_dir, 'localization')) / folder
        for offset, sample in enumerate(outputs):
            # Samplers deal the data set out to the processes like cards.
            index = (self._seen + offset) * world_size + rank
            if index % self.interval:
                continue
            name = str(sample.get('image_id') or f'picture_{index}')
            Visualizer.get_current_instance().add_datasample(
                name,
                self._view(data_batch['inputs'][offset]),
                sample,
                threshold=self.threshold,
                show=self.show,
                wait_time=self.wait_time,
                out_file=str(base / _relative_path(name)),
                step=runner.iter if folder else 0,
            )
        self._seen += len(outputs)

    def _view(self, inputs: torch.Tensor) -> np.ndarray:
        """(3, H, W) or (10, 3, H, W) uint8 as the data set gives it -> (H, W, 3) RGB."""
        if inputs.ndim == 4:
            inputs = inputs[self.CENTRE_CROP]
        if inputs.ndim != 3 or inputs.dtype != torch.uint8:
            raise ValueError(
                'pictures can be drawn from uint8 inputs (3, H, W) or (10, 3, H, W) only, got '
                f'{inputs.dtype} {tuple(inputs.shape)}'
            )
        view = inputs.permute(1, 2, 0).cpu().numpy()
        if self.channel_order == 'bgr':
            view = view[..., ::-1]
        return np.ascontiguousarray(view)


def _relative_path(image_id: str) -> Path:
    """A file path for an id, inside the folder that it will be joined to.

    The id keeps its suffix: ``a.jpg`` and ``a.png`` may be two pictures of one set.
    """
    parts = [part for part in image_id.replace('\\', '/').split('/') if part not in ('', '.')]
    safe = ['__' if part == '..' else part for part in parts] or ['picture']
    return Path(*safe[:-1], f'{safe[-1]}.png')
