from __future__ import annotations

import io
import logging
from collections.abc import Iterable
from pathlib import Path

import torch
from mmengine.dataset import Compose
from mmengine.dist import all_reduce, barrier, is_main_process
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch.utils.data import Dataset

from bas_mm.engine.inner_model import inner_model
from bas_mm.models.affinity import IRNet
from bas_mm.registry import HOOKS
from bas_mm.utils.cudnn_search import without_cudnn_search
from bas_mm.utils.evaluation_mode import evaluation_mode
from bas_mm.utils.result_files import write_bytes

# Of the buffer in a checkpoint.
_KEY = 'mean_shift.running_mean'


@HOOKS.register_module()
class DisplacementMeanHook(Hook):
    """Sets IRNet's mean displacement once training is over, in the model and in its checkpoint.

    The mean is taken over all points of all training images, each as the pipeline here gives it;
    several processes share the images. Of the checkpoints only the last one has the weights
    that the mean belongs to, those of an EMAHook where there is one; a checkpoint with other
    weights gets no mean, with a warning, such as where ``save_last=False`` leaves out the last
    one. A run that was stopped in between does this when it is resumed.

    Args:
        pipeline (list[dict]): transforms in place of the training set's, without chance.
        batch_size (int): images of one size at a time. Default: 1, for images of all sizes.
        num_workers (int, optional): worker processes that read images. Default: as many as in
            training.

    Raises:
        TypeError: the model is no IRNet.
    """

    def __init__(
        self, pipeline: list[dict], batch_size: int = 1, num_workers: int | None = None
    ) -> None:
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.num_workers = num_workers

    def before_train(self, runner: Runner) -> None:
        """Refuse another model before it is trained."""
        model = inner_model(runner)
        if not isinstance(model, IRNet):
            raise TypeError(f'DisplacementMeanHook is for IRNet, not for {type(model).__name__}.')

    def after_train(self, runner: Runner) -> None:
        """Compute the mean and store it."""
        model = inner_model(runner)
        trained = runner.train_dataloader
        loader = runner.build_dataloader(
            dict(
                dataset=_Views(trained.dataset, Compose(self.pipeline)),
                batch_size=self.batch_size,
                num_workers=(trained.num_workers if self.num_workers is None else self.num_workers),
                # Without copies that would fill up the last round.
                sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
                collate_fn=dict(type='pseudo_collate'),
            )
        )
        # A checkpoint has the weights that EMAHook averaged, as a test has.
        averages = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
        for hook in averages:
            hook.before_test_epoch(runner)
        mean = displacement_mean(model, loader)
        print_log(f'Mean displacement: {mean.cpu().tolist()}', logger='current')
        if is_main_process():
            self._store(runner, model, mean.cpu())
        for hook in averages:
            hook.after_test_epoch(runner)
        model.mean_shift.running_mean.copy_(mean)
        barrier()

    @staticmethod
    def _store(runner: Runner, model: IRNet, mean: torch.Tensor) -> None:
        """Put the mean into the checkpoint that has the weights of the model, (2,), on the CPU."""
        # What was saved last or, where nothing was, what was resumed; the folder's note may name
        # another one. In a copy of a work folder it is still the path in the original.
        noted = runner.message_hub.runtime_info.get('last_ckpt')
        if not noted:
            print_log(
                'Nothing to put the mean displacement into: this run has no checkpoint in '
                f'{runner.work_dir}',
                logger='current',
            )
            return
        own = Path(runner.work_dir, Path(noted).name)
        path = own if own.exists() else Path(noted)
        if not path.exists():
            print_log(
                f'Nothing to put the mean displacement into: {noted} is not there', logger='current'
            )
            return
        # Our own file: it holds the state of hooks besides tensors.
        checkpoint = torch.load(path, map_location='cpu', weights_only=False)
        state = checkpoint['state_dict']
        # A folder may have a file of that name from another training, and a best checkpoint that
        # is resumed names one of another epoch.
        for name, parameter in model.named_parameters():
            if name not in state or not torch.equal(state[name], parameter.detach().cpu()):
                savers = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
                how = ''
                if not all(hook.save_last for hook in savers):
                    how = ', which default_hooks.checkpoint.save_last=True saves'
                print_log(
                    f'The mean displacement is not put into {path}: its {name} is not that of the '
                    f'end of this run{how}',
                    logger='current',
                    level=logging.WARNING,
                )
                return
        state[_KEY] = mean
        content = io.BytesIO()
        torch.save(checkpoint, content)
        # In a copy of links the link leads to the original's checkpoint, which stays as it is.
        write_bytes(path, content.getbuffer(), through_links=False)


class _Views(Dataset):
    """Another pipeline over the pictures of a data set."""

    def __init__(self, dataset: Dataset, pipeline: Compose) -> None:
        self.dataset = dataset
        self.pipeline = pipeline

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(self.dataset.get_data_info(index))


@torch.no_grad()
def displacement_mean(model: IRNet, loader: Iterable[dict]) -> torch.Tensor:
    """The mean of the displacement field over all points of all images of all processes.

    Args:
        model (IRNet): the modes of all its parts are as before afterwards.
        loader (Iterable): batches for ``model.data_preprocessor``.

    Returns:
        Tensor: (2,), rows and columns; float32, on the device of the model.
    """
    buffer = model.mean_shift.running_mean
    totals = torch.zeros(3, dtype=torch.float64, device=buffer.device)
    # Whole pictures, each of its own size, where training had crops of one.
    with evaluation_mode(model), without_cudnn_search():
        for batch in loader:
            inputs = model.data_preprocessor(batch, False)['inputs']
            field = model.displacement_branch(model.extract_feat(inputs))
            totals[:2] += field.sum((0, 2, 3), dtype=torch.float64)
            totals[2] += field[:, 0].numel()
    all_reduce(totals)
    return (totals[:2] / totals[2]).to(buffer.dtype)
