from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import IterableDataset

from bas_mm.registry import HOOKS


@HOOKS.register_module()
class EmptyLoaderHook(Hook):
    """Refuses a training without a batch, whose checkpoints would be of an untrained model.

    A loader with ``drop_last=True`` has none where its batch is larger than the data set, or than
    the share of it that a process gets.
    """

    def before_train(self, runner: Runner) -> None:
        """Look how many batches there are.

        Raises:
            ValueError: there is none.
        """
        # Loops of iterations have samplers that never end, whatever the data set's length.
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        loader = runner.train_dataloader
        if not isinstance(loader.dataset, IterableDataset) and len(loader) == 0:
            raise ValueError(
                f'train_dataloader.batch_size={loader.batch_size}: the {len(loader.sampler)} '
                'pictures of a process are fewer, and with drop_last=True no batch is left. Set a '
                'smaller batch_size, or drop_last=False.'
            )
