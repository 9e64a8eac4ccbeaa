from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from bas_mm.engine.inner_model import inner_model
from bas_mm.registry import HOOKS


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Checks, before each loop, that model and data sets have the same classes.

    A model with too few classes would fail inside a GPU kernel without saying why; one with too
    many would train classes that do not exist.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training set."""
        self._check(runner, runner.train_dataloader, 'train_dataloader')

    def before_val(self, runner: Runner) -> None:
        """Check the validation set."""
        self._check(runner, runner.val_dataloader, 'val_dataloader')

    def before_test(self, runner: Runner) -> None:
        """Check the test set."""
        self._check(runner, runner.test_dataloader, 'test_dataloader')

    @staticmethod
    def _check(runner: Runner, dataloader: DataLoader, key: str) -> None:
        model = inner_model(runner)
        classes = getattr(dataloader.dataset, 'metainfo', {}).get('classes')
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
            raise ValueError(f'{wrong}, but {key}.dataset has {len(classes)} classes. Set {right}.')
