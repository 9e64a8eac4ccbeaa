from __future__ import annotations

from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from bas_mm.engine.inner_model import inner_model
from bas_mm.registry import HOOKS
from bas_mm.utils.class_names import require_same_order


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Checks, before each loop, that model and data sets have the same classes.

    A model with too few classes would fail inside a GPU kernel without saying why; one with too
    many would train classes that do not exist. One that was trained with the classes in another
    order has figures of other classes: names are compared with those that its weights were trained
    with, as its checkpoint or this run's training set has them.
    """

    #: Names of the classes that the weights are of, and who says so; None where nobody does.
    _trained: tuple[Sequence[str], str] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Note the classes that a checkpoint was trained with."""
        meta = checkpoint.get('meta') or {}
        classes = (meta.get('dataset_meta') or {}).get('classes')
        known = isinstance(classes, (list, tuple))
        self._trained = (classes, 'the training set of the checkpoint') if known else None

    def before_train(self, runner: Runner) -> None:
        """Check the training set, and that of the validations to come."""
        # Weights that a training only begins with may be of other classes.
        if not getattr(runner, '_resume', False):
            self._trained = None
        dataset, key = runner.train_dataloader.dataset, 'train_dataloader.dataset'
        self.check(inner_model(runner), dataset, key)
        classes = _classes_of(dataset)
        self._trained = None if classes is None else (classes, key)
        if runner.val_loop is not None:
            self.before_val(runner)

    def before_val(self, runner: Runner) -> None:
        """Check the validation set."""
        self.check(inner_model(runner), runner.val_dataloader.dataset, 'val_dataloader.dataset')

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        self.check(inner_model(runner), runner.test_dataloader.dataset, 'test_dataloader.dataset')

    def check(self, model: nn.Module, dataset: Dataset, key: str) -> None:
        """Check a data set.

        Args:
            model (nn.Module): Not a wrapper of one.
            dataset (Dataset): One that does not know its classes is let pass.
            key (str): Where the config has it.

        Raises:
            ValueError: It has another number of classes than the model, or has them in another
                order than those that the model was trained with.
        """
        classes = _classes_of(dataset)
        if classes is None:
            return
        found = {}
        for part in ('head', 'generator', 'decode_head'):
            count = getattr(getattr(model, part, None), 'num_classes', len(classes))
            if count != len(classes):
                found[f'model.{part}.num_classes'] = count
        if found:
            wrong = ' and '.join(f'{name}={count}' for name, count in found.items())
            right = ' and '.join(f'{name}={len(classes)}' for name in found)
            raise ValueError(f'{wrong}, but {key} has {len(classes)} classes. Set {right}.')
        if self._trained is not None:
            advice = 'set `classes` of the data set to those'
            require_same_order(classes, key, *self._trained, advice)


def _classes_of(dataset: Dataset) -> Sequence[str] | None:
    return (getattr(dataset, 'metainfo', None) or {}).get('classes')
