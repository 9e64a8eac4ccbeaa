import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from bas_mm.registry import HOOKS


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stops training when the loss is NaN or infinite, naming the iteration and the terms.

    It looks at every iteration and runs before the checkpoint hook, so that nothing is saved after
    the loss went wrong: the last checkpoint on disk is the last good one. To look less often would
    gain nothing: mmengine's ``RuntimeInfoHook`` reads every loss term of every iteration, and so
    waits for the device, before this hook does.
    """

    priority = 'HIGH'

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Check the loss of this iteration.

        Args:
            runner (Runner): the runner.
            batch_idx (int): index of the batch in the epoch.
            data_batch (dict, optional): unused.
            outputs (dict, optional): log variables of the training step.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        loss = (outputs or {}).get('loss')
        if loss is None or bool(torch.isfinite(torch.as_tensor(loss)).all()):
            return
        terms = ', '.join(
            f'{name}={float(value.detach()):.6g}'
            for name, value in outputs.items()
            if 'loss' in name
        )
        last = runner.message_hub.get_info('last_ckpt') if self._has_checkpoint(runner) else None
        kept = f'The last good checkpoint is {last}.' if last else 'No checkpoint was saved yet.'
        raise FloatingPointError(
            f'The loss is not finite in iteration {runner.iter + 1} (epoch {runner.epoch + 1}): '
            f'{terms}. {kept} A lower optim_wrapper.optimizer.lr, or '
            'optim_wrapper.clip_grad=dict(max_norm=...), is the usual cure.'
        )

    @staticmethod
    def _has_checkpoint(runner: Runner) -> bool:
        return 'last_ckpt' in runner.message_hub.runtime_info
