from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from bas_mm.registry import HOOKS

from ..whole_files_backend import WHOLE_FILES


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's hook whose checkpoints on this machine's disks are whole or not there.

    A checkpoint that is written when the process is killed or the disk is full leaves nothing
    under its name, and one that replaces another (as the best one is noted in the last) leaves the
    other. mmengine deletes the oldest one before it writes the next, so keep two.

    It takes the arguments of mmengine's ``CheckpointHook``. What has ``backend_args``, goes to a
    bucket or is published (``published_keys``) is written as mmengine does.
    """

    def before_train(self, runner: Runner) -> None:
        """Look where checkpoints go.

        Args:
            runner (Runner): the runner.
        """
        super().before_train(runner)
        if self.backend_args is None and type(self.file_backend) is LocalBackend:
            self.backend_args = dict(backend=WHOLE_FILES)
            self.file_backend = get_file_backend(self.out_dir, backend_args=self.backend_args)
