from contextlib import AbstractContextManager, nullcontext

from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from bas_mm.registry import HOOKS

from ..whole_files_backend import WHOLE_FILES, WholeFilesBackend


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's hook whose checkpoints on this machine's disks are whole or not there.

    A checkpoint that is written when the process is killed or the disk is full leaves nothing
    under its name, and one that replaces another (as the best one is noted in the last) leaves the
    other. The oldest checkpoint, and the best one so far, go when the next one is written and
    noted: there is room needed for one more than ``max_keep_ckpts``.

    Of the figures that ``save_best`` may name, those of this package are the better the greater.

    It takes the arguments of mmengine's ``CheckpointHook``. What has ``backend_args``, goes to a
    bucket or is published (``published_keys``) is written as mmengine does.
    """

    _default_greater_keys = [  # noqa: RUF012 - as mmengine's
        *CheckpointHook._default_greater_keys,
        *('gt_known', 'iou_', 'pxap', 'piou'),
    ]

    def before_train(self, runner: Runner) -> None:
        """Look where checkpoints go.

        Args:
            runner (Runner): the runner.
        """
        super().before_train(runner)
        if self.backend_args is None and type(self.file_backend) is LocalBackend:
            self.backend_args = dict(backend=WHOLE_FILES)
            self.file_backend = get_file_backend(self.out_dir, backend_args=self.backend_args)

    # mmengine deletes first, and writes then.

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        with self._removing_last():
            super()._save_checkpoint_with_step(runner, step, meta)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with self._removing_last():
            super()._save_best_checkpoint(runner, metrics)

    def _removing_last(self) -> AbstractContextManager:
        # None where there was no training, but a validation alone.
        backend = getattr(self, 'file_backend', None)
        own = isinstance(backend, WholeFilesBackend)
        return backend.removing_last() if own else nullcontext()
