from mmengine.dataset import InfiniteSampler
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch.utils.data import IterableDataset

from bas_mm.registry import HOOKS


@HOOKS.register_module()
class EmptyLoaderHook(Hook):
    """Refuses a training whose epochs have no batch, no end, or not as many batches everywhere.

    A loader with ``drop_last=True`` has no batch where its batch is larger than the data set, or
    than the share of it that a process gets: its checkpoints would be of an untrained model. With a
    sampler that never ends there would be no checkpoint. Where the processes of a job have
    different numbers of batches, those with more would wait for the others' gradients in vain.
    """

    def before_train(self, runner: Runner) -> None:
        """Look how many batches there are, here and in the other processes.

        Raises:
            ValueError: there is none, or they never end, or others have more or fewer.
        """
        # Loops of iterations have samplers that never end, whatever the data set's length.
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            return
        loader = runner.train_dataloader
        if isinstance(loader.dataset, IterableDataset):
            return
        sampler = getattr(loader, 'sampler', None)
        if isinstance(sampler, InfiniteSampler):
            raise ValueError(
                'train_dataloader.sampler: with an InfiniteSampler an epoch never ends. Set '
                'type=DefaultSampler, or train by iterations: train_cfg.type=IterBasedTrainLoop.'
            )
        # All processes come here, and all of them end: none waits for one that has been refused.
        batches = all_gather_object(len(loader))
        if 0 in batches:
            pictures = min(all_gather_object(len(sampler)))
            raise ValueError(
                f'train_dataloader.batch_size={loader.batch_size}: the {pictures} '
                'pictures of a process are fewer, and with drop_last=True no batch is left. Set a '
                'smaller batch_size, or drop_last=False.'
            )
        if len(set(batches)) > 1:
            counts = ', '.join(map(str, batches))
            raise ValueError(
                f'train_dataloader.sampler: the processes have {counts} batches, and those with '
                'more would wait for the others without end. Leave out round_up=False, or take '
                'another sampler that gives each process as many pictures.'
            )
