from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import get_dist_info, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from mmengine.structures import BaseDataElement
from mmengine.visualization import Visualizer

from bas_mm.engine.inner_model import inner_model
from bas_mm.models.classifiers import MultiLabelClassifier
from bas_mm.registry import HOOKS
from bas_mm.utils.evaluation_mode import evaluation_mode
from bas_mm.visualization import LocalizationVisualizer
from bas_mm.visualization.functional import input_view


@HOOKS.register_module()
class LocalizationVisualizationHook(Hook):
    """Draws pictures with their maps and boxes in training, validation and test.

    With ``out_dir`` the drawings are PNG files there; without it they go to the backends of the
    visualizer, which mmengine has for local files, TensorBoard, Weights & Biases and others.

    In validation and test every n-th picture of the data set is drawn, from the predictions that
    are there anyway: the view that the network saw (with ten crops, the centre one). Names are
    image ids, below ``val/`` and ``test/`` for backends, below ``epoch_N/`` (``iter_N/`` where
    the run counts iterations) for files of a validation. Files are written by every process, and
    are of the same pictures on one process and on several; backends are the main process's, which
    draws of its own share as many pictures.

    In training, every n-th iteration the first pictures of the batch are drawn with the map that
    the network gives them after the step: the main process predicts them once more, in eval mode,
    without gradient. Weights, running statistics, random numbers and the modes of all modules stay
    as they are. There is no true box, for training reads none. Names are ``train/0``, ``train/1``
    and so on, with the iteration as the step, so that a backend shows a series; mmengine's backend
    of Weights & Biases drops the step, and that one counts its own. Files are named by image id,
    below ``train/iter_N/``.

    Classifiers of several labels per picture predict no map: seeds are drawn by ``python -m
    bas_mm seeds``.

    Args:
        enable (bool): Whether to draw. Defaults to False.
        interval (int): Draw the pictures 0, n, 2n, ... of the data set. Defaults to 50.
        train_interval (int): Draw in every n-th iteration of the training. Defaults to 0: not.
        train_pictures (int): How many pictures of a training batch. Defaults to 4.
        out_dir (str, optional): Where PNG files go. Defaults to None: to the backends.
        show (bool): Whether to open a window as well. Defaults to False.
        wait_time (float): Seconds that the window stays; 0 waits for a key. Defaults to 0.
        threshold (float, optional): θ of the predicted box where the model gives none.
            Defaults to None.
        channel_order (str): 'bgr' or 'rgb': how the data set loads pictures. Defaults to 'bgr'.

    Raises:
        ValueError: On a setting out of its range; when a run starts, where the drawings would go
            nowhere or the model predicts no map.

    Examples:
        >>> # in a config
        >>> default_hooks = dict(visualization=dict(
        ...     type='LocalizationVisualizationHook', enable=True, train_interval=100))
        >>> visualizer = dict(type='LocalizationVisualizer', vis_backends=[
        ...     dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend'),
        ...     dict(type='WandbVisBackend', init_kwargs=dict(project='bas'))])
    """

    def __init__(
        self,
        enable: bool = False,
        interval: int = 50,
        train_interval: int = 0,
        train_pictures: int = 4,
        out_dir: str | None = None,
        show: bool = False,
        wait_time: float = 0.0,
        threshold: float | None = None,
        channel_order: str = 'bgr',
    ) -> None:
        for name, value, least in (
            ('interval', interval, 1),
            ('train_interval', train_interval, 0),
            ('train_pictures', train_pictures, 1),
        ):
            if value < least:
                raise ValueError(f'{name} must be at least {least}, got {value}')
        if channel_order not in ('bgr', 'rgb'):
            raise ValueError(f"channel_order must be 'bgr' or 'rgb', got {channel_order!r}")
        self.enable = enable
        self.interval = interval
        self.train_interval = train_interval
        self.train_pictures = train_pictures
        self.out_dir = out_dir
        self.show = show
        self.wait_time = wait_time
        self.threshold = threshold
        self.channel_order = channel_order
        self._seen = 0
        # What a validation is named by: 'epoch' or 'iter'; None outside of a training.
        self._unit: str | None = None

    def before_run(self, runner: Runner) -> None:
        """Refuse to draw into the void, and pictures without a map."""
        if not self.enable:
            return
        model = inner_model(runner)
        if isinstance(model, MultiLabelClassifier):
            raise ValueError(
                f'LocalizationVisualizationHook cannot draw {type(model).__name__}, which predicts '
                'several labels and no map: set default_hooks.visualization.enable=False (test.py: '
                'leave out --show-dir); `python -m bas_mm seeds` draws seeds'
            )
        if not isinstance(runner.visualizer, LocalizationVisualizer):
            raise ValueError(
                "LocalizationVisualizationHook draws with visualizer=dict(type='Localization"
                f"Visualizer'), but the config's is {type(runner.visualizer).__name__}"
            )
        if self.out_dir is None and not self.show and not runner.visualizer.has_backends:
            raise ValueError(
                'LocalizationVisualizationHook has nowhere to draw to: give it an out_dir, or '
                "give the visualizer vis_backends such as [dict(type='LocalVisBackend')]"
            )

    def before_train(self, runner: Runner) -> None:
        """Note what this training counts."""
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        self._unit = 'epoch' if by_epoch else 'iter'

    def after_train(self, runner: Runner) -> None:
        """What is validated from here on belongs to no training."""
        self._unit = None

    def before_val_epoch(self, runner: Runner) -> None:
        """Count from the first picture."""
        self._seen = 0

    def before_test_epoch(self, runner: Runner) -> None:
        """Count from the first picture."""
        self._seen = 0

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Draw the first pictures of the batch, in every n-th iteration.

        Args:
            data_batch (dict, optional): ``inputs``, uint8, and ``data_samples``; not changed.
        """
        due = self.enable and self.train_interval and data_batch is not None
        if not due or (runner.iter + 1) % self.train_interval or not is_main_process():
            return
        model = inner_model(runner)
        batch = {key: values[: self.train_pictures] for key, values in data_batch.items()}
        with evaluation_mode(model), torch.no_grad():
            samples = model.test_step(batch)
        step = runner.iter + 1
        for index, (inputs, sample) in enumerate(zip(batch['inputs'], samples)):
            name = str(sample.get('image_id') or f'picture_{index}')
            file = Path('train', f'iter_{step}', _relative_path(name))
            self._draw(inputs, sample, f'train/{index}', file, step)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Draw this batch's share of the pictures.

        Args:
            data_batch (dict, optional): ``inputs``, uint8.
            outputs (Sequence, optional): data samples with predictions.
        """
        if self._unit is None:  # runner.val(): there is nothing to tell files apart by
            self._draw_share(data_batch, outputs, 'val', '', 0)
            return
        step = getattr(runner, self._unit)
        self._draw_share(data_batch, outputs, 'val', f'{self._unit}_{step}', step)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Draw this batch's share of the pictures; arguments as in :meth:`after_val_iter`."""
        self._draw_share(data_batch, outputs, 'test', '', 0)

    def _draw_share(
        self, data_batch: dict | None, outputs: Sequence | None, split: str, folder: str, step: int
    ) -> None:
        if not self.enable or not outputs:
            return
        rank, world_size = get_dist_info()
        for offset, sample in enumerate(outputs):
            # Samplers deal the data set out to the processes like cards.
            index = (self._seen + offset) * world_size + rank
            if not self._is_due(index, rank, world_size):
                continue
            name = str(sample.get('image_id') or f'picture_{index}')
            file = _relative_path(name)
            self._draw(
                data_batch['inputs'][offset],
                sample,
                f'{split}/{file.with_suffix("").as_posix()}',
                Path(folder, file),
                step,
            )
        self._seen += len(outputs)

    def _is_due(self, index: int, rank: int, world_size: int) -> bool:
        if self.out_dir is not None:
            return index % self.interval == 0
        # Backends are the main process's alone: it draws where any process has a picture due.
        return rank == 0 and -index % self.interval < world_size

    def view_and_sample(
        self, inputs: torch.Tensor, sample: BaseDataElement
    ) -> tuple[np.ndarray, BaseDataElement]:
        """What is drawn of a picture.

        Args:
            inputs (torch.Tensor): As the data set gives them to the network, uint8.
            sample (BaseDataElement): Its predictions.

        Returns:
            tuple[np.ndarray, BaseDataElement]: The view, (H, W, 3), uint8, RGB; and what of it
            :class:`~bas_mm.visualization.LocalizationVisualizer` draws.
        """
        return input_view(inputs.cpu().numpy(), self.channel_order), sample

    def _draw(
        self, inputs: torch.Tensor, sample: BaseDataElement, name: str, file: Path, step: int
    ) -> None:
        view, drawn = self.view_and_sample(inputs, sample)
        Visualizer.get_current_instance().add_datasample(
            name,
            view,
            drawn,
            threshold=self.threshold,
            show=self.show,
            wait_time=self.wait_time,
            out_file=None if self.out_dir is None else str(Path(self.out_dir, file)),
            step=step,
        )


def _relative_path(image_id: str) -> Path:
    """A file path for an id, inside the folder that it will be joined to.

    The id keeps its suffix: ``a.jpg`` and ``a.png`` may be two pictures of one set.
    """
    parts = [part for part in image_id.replace('\\', '/').split('/') if part not in ('', '.')]
    safe = ['__' if part == '..' else part for part in parts] or ['picture']
    return Path(*safe[:-1], f'{safe[-1]}.png')
