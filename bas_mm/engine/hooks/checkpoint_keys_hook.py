from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn

from bas_mm.engine.inner_model import inner_model
from bas_mm.registry import HOOKS


@HOOKS.register_module()
class CheckpointKeysHook(Hook):
    """Refuses a checkpoint that does not hold every weight of the model in its shape.

    mmengine's runner only logs what a checkpoint lacks; a test then reports the figures of random
    weights. Weights that the model does not have are named in the log.
    """

    # After hooks that change the checkpoint, such as those of averaged weights.
    priority = 'LOWEST'

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare names and shapes.

        Args:
            checkpoint (dict): what was read, with or without ``state_dict``.

        Raises:
            RuntimeError: weights are missing or have another shape; the message names some.
        """
        unknown = require_all_weights(inner_model(runner), checkpoint)
        if unknown:
            print_log(
                f'{len(unknown)} entries of the checkpoint are not in the model: {_some(unknown)}',
                logger='current',
            )


def checkpoint_weights(checkpoint: dict) -> dict:
    """What a checkpoint says of weights, with or without ``state_dict``, by name.

    A prefix ``module.``, which wrappers of several processes leave, is taken off.
    """
    return {
        key.removeprefix('module.'): value
        for key, value in checkpoint.get('state_dict', checkpoint).items()
    }


def require_all_weights(model: nn.Module, checkpoint: dict) -> list[str]:
    """Refuse a checkpoint that does not hold every weight of a model in its shape.

    Args:
        model (nn.Module): not a wrapper of one.
        checkpoint (dict): what was read, with or without ``state_dict``.

    Returns:
        list[str]: names of the entries that the model does not have.

    Raises:
        RuntimeError: weights are missing or have another shape; the message names some.
    """
    given = checkpoint_weights(checkpoint)
    wanted = model.state_dict()
    missing = [key for key in wanted if key not in given]
    reshaped = [
        f'{key} {tuple(given[key].shape)} instead of {tuple(value.shape)}'
        for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]
    if missing or reshaped:
        parts = [
            f'{what} {len(names)}: {_some(names)}'
            for what, names in (('missing', missing), ('of another shape', reshaped))
            if names
        ]
        raise RuntimeError(f'The checkpoint does not fit the model. {"; ".join(parts)}.')
    return [key for key in given if key not in wanted]


def _some(names: list[str]) -> str:
    return ', '.join(names[:5]) + (', ...' if len(names) > 5 else '')
