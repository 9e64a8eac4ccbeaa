import inspect
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.fileio import LocalBackend, get_file_backend
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor

from bas_mm.registry import HOOKS
from bas_mm.utils.result_files import TEMPORARY_PREFIX, delete_abandoned
from bas_mm.utils.similar_names import like_clause

from ..inner_model import inner_model
from ..optimizers.accumulated_gradients import (
    accumulated_counts,
    loss_weight,
    mean_gradients,
    restore_gradients,
)
from ..optimizers.resume_as_built import resume_as_built
from ..whole_files_backend import WHOLE_FILES, WholeFilesBackend

# In a checkpoint; mmengine's own hook and runner leave it alone.
_GRADIENTS = 'accumulated_gradients'


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's hook whose checkpoints on this machine's disks are whole or not there.

    A checkpoint that is written when the process is killed or the disk is full leaves nothing
    under its name, and one that replaces another (as the best one is noted in the last) leaves the
    other. What a kill left under a temporary name goes when a training begins in this folder ten
    minutes later or more. The oldest checkpoint, and the best one so far, go when the next one is
    written and noted: there is room needed for one more than ``max_keep_ckpts``.

    A checkpoint names others by their paths. In a run that goes on from another folder's, or in a
    copy, these are the files of the same names in its own folder: the other folder's stay. Where
    its own folder has no such best checkpoint, the next figure is the best so far.

    A run that goes on may have other options than the one before: its optimizers are fused or
    foreach as its config says, their state gets the layout of the weights, and a loss scaler that
    was off may be on.

    Where ``accumulative_counts`` does not divide the iterations so far, a checkpoint has the
    gradients of those since the last step as well, unless it is without the optimizer. With them
    the resumed run completes the step. They are as large as the trained weights. Those of several
    optimizers (mmengine's ``OptimWrapperDict``), whose iterations nobody counts, are lost.

    Of the figures that ``save_best`` may name, those of this package are the better the greater.

    It takes the arguments of mmengine's ``CheckpointHook``. What has ``backend_args``, goes to a
    bucket or is published (``published_keys``) is written as mmengine does.
    """

    _default_greater_keys = [
        *CheckpointHook._default_greater_keys,
        *('gt_known', 'iou_', 'pxap', 'piou'),
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # mmengine hands them on when the first checkpoint is written, which may be hours later.
        taken = inspect.signature(Runner.save_checkpoint).parameters
        for name in self.args.keys() - taken.keys():
            names = {*inspect.signature(CheckpointHook).parameters, *taken}
            like = like_clause(name, dict(zip(names, names)))
            raise ValueError(f'{type(self).__name__} takes no {name}{like}')
        #: Gradients to be saved, and what a checkpoint has of them with its iteration.
        self._gradients: dict[str, Tensor] = {}
        self._loaded: tuple[int, dict] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Prepare for a state of optimizers with other options.

        Args:
            checkpoint (dict): changed in place: the state of a loss scaler that was switched off,
                as bfloat16 has it, is empty, and torch lets none that is on load it. Without one
                such a scaler starts anew.
        """
        saved = checkpoint.get('optimizer')  # of several optimizers by their names
        for part in (saved, *saved.values()) if isinstance(saved, dict) else ():
            if isinstance(part, dict) and part.get('loss_scaler') == {}:
                del part['loss_scaler']
        wrapper = runner.optim_wrapper  # a config where nothing is trained
        wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
        for each in wrappers:
            if isinstance(each, OptimWrapper):
                resume_as_built(each.optimizer)
        self._loaded = None
        if _GRADIENTS in checkpoint:
            self._loaded = checkpoint['meta']['iter'], checkpoint[_GRADIENTS]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the gradients of a step that is not complete.

        Args:
            checkpoint (dict): changed in place.
        """
        if self._gradients:
            checkpoint[_GRADIENTS] = dict(
                accumulative_counts=accumulated_counts(runner.optim_wrapper),
                loss_weight=loss_weight(runner.optim_wrapper),
                gradients=self._gradients,
            )

    def before_train(self, runner: Runner) -> None:
        """Look where checkpoints go, and go on with the step that the resumed one is within."""
        super().before_train(runner)
        self._restore_gradients(runner)
        if self.backend_args is None and type(self.file_backend) is LocalBackend:
            self.backend_args = dict(backend=WHOLE_FILES)
            self.file_backend = get_file_backend(self.out_dir, backend_args=self.backend_args)
            if is_main_process():
                with suppress(OSError):  # another user's, say: no reason not to train
                    delete_abandoned(Path(self.out_dir).glob(f'{TEMPORARY_PREFIX}*'))
        self._forget_other_folders(runner)

    def before_val(self, runner: Runner) -> None:
        """Let go of what a checkpoint has for a training, where nothing is trained."""
        self._loaded = None
        super().before_val(runner)

    def before_test(self, runner: Runner) -> None:
        """Let go of what a checkpoint has for a training, where nothing is trained."""
        self._loaded = None
        super().before_test(runner)

    def _restore_gradients(self, runner: Runner) -> None:
        """Go on with the gradients of the resumed checkpoint, if it has any."""
        loaded, self._loaded = self._loaded, None
        # A run may begin with a checkpoint's weights alone, or begin its epoch anew, or be over.
        if loaded is None or loaded[0] != runner.iter or runner.iter >= runner.max_iters:
            return
        iteration, saved = loaded
        before, now = saved['accumulative_counts'], accumulated_counts(runner.optim_wrapper)
        if before != now:
            print_log(
                f'The gradients that the checkpoint of iteration {iteration} has accumulated are '
                f'left out: they are of optim_wrapper.accumulative_counts={before}, not {now}.',
                logger='current',
                level=logging.WARNING,
            )
            return
        restore_gradients(
            inner_model(runner),
            runner.optim_wrapper,
            saved['gradients'],
            saved['loss_weight'],
        )
        print_log(
            f'Iteration {iteration} is within a step of {now} iterations: it goes on with the '
            "checkpoint's gradients. The warning of mmengine that the gradient of some iterations "
            'is lost does not hold.',
            logger='current',
            level=logging.WARNING,
        )

    def _forget_other_folders(self, runner: Runner) -> None:
        """Put this folder's files in the place of those that the resumed checkpoint names."""
        info = runner.message_hub.runtime_info
        # The main process writes them, and where disks are not shared only it sees them. All must
        # go on with the same: they save the next best checkpoint together.
        found = [self._own_files(info)]
        broadcast_object_list(found)
        for key, own in found[0].items():
            runner.message_hub.update_info(key, own)
            if key != 'last_ckpt' and own is None:
                # Else a folder would end without a best checkpoint where none beats that figure.
                runner.message_hub.pop_info(f'best_score{key.removeprefix("best_ckpt")}')
        if not self.save_best:
            return
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = info.get('best_ckpt')
        else:
            for figure in self.key_indicators:
                self.best_ckpt_path_dict[figure] = info.get(f'best_ckpt_{figure}')

    def _own_files(self, info: Mapping[str, Any]) -> dict[str, str | None]:
        """This folder's checkpoints of the names that ``info`` has, by its keys; None without."""
        found = {}
        for key, path in info.items():
            if key == 'last_ckpt' or key.startswith('best_ckpt'):
                own = self.file_backend.join_path(self.out_dir, Path(path).name) if path else None
                found[key] = own if own and self.file_backend.exists(own) else None
        return found

    # mmengine deletes first, and writes then.

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        if self.save_optimizer:
            # Here, as all processes come here; only the first one saves.
            self._gradients = mean_gradients(inner_model(runner), runner.optim_wrapper)
        try:
            with self._removing_last():
                super()._save_checkpoint_with_step(runner, step, meta)
        finally:
            self._gradients = {}

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        with self._removing_last():
            super()._save_best_checkpoint(runner, metrics)

    def _removing_last(self) -> AbstractContextManager:
        # None where there was no training, but a validation alone.
        backend = getattr(self, 'file_backend', None)
        own = isinstance(backend, WholeFilesBackend)
        return backend.removing_last() if own else nullcontext()
