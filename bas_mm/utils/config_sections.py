"""The parts that a config may have at its top level."""

from __future__ import annotations

import inspect
from collections.abc import Collection

from .similar_names import close_names

__all__ = ['COMMAND_SECTIONS', 'runner_sections', 'similar_sections']

# What a runner, or the function that builds one, looks up in a config beside the arguments of
# mmengine's Runner.
_BESIDE_ARGUMENTS = (
    *('custom_imports', 'find_unused_parameters', 'model_wrapper_cfg', 'sync_bn', 'compile'),
    *('activation_checkpointing', 'efficient_conv_bn_eval', 'runner_type', 'strategy'),
)
#: Parts that test-time augmentation and the commands for segmentation look up.
COMMAND_SECTIONS = frozenset(
    (
        *('tta_model', 'tta_pipeline'),
        *('irn_label_cfg', 'mask_cfg', 'seed_cfg', 'seed_dataloader', 'seed_evaluator'),
    )
)


def runner_sections() -> set[str]:
    """The parts that mmengine's runner takes as arguments or looks up."""
    from mmengine.runner import Runner

    return {*inspect.signature(Runner).parameters, *_BESIDE_ARGUMENTS}


def similar_sections(name: str, known: Collection[str]) -> list[str]:
    """The parts that an unknown name is probably a mistyped form of.

    Args:
        name (str): The unknown name: the first word of a setting's key.
        known (Collection[str]): The names that the config has or that somebody looks up.

    Returns:
        list[str]: Up to three of the known names that have its letters in another order, or differ
        from it in a letter or two: the former first, the latter the most similar first.

    Examples:
        >>> similar_sections('train_dataloder', ['train_dataloader', 'model'])
        ['train_dataloader']
        >>> similar_sections('modle', ['train_dataloader', 'model'])
        ['model']
        >>> similar_sections('my_visualizer', ['visualizer'])
        []
    """
    near = [other for other in sorted(known) if abs(len(other) - len(name)) <= 2]
    # In a short name two exchanged letters are much of it: `modle` is 0.8 of `model` to difflib.
    swapped = [other for other in near if sorted(other) == sorted(name)]
    others = [other for other in near if other not in swapped]
    return [*swapped, *close_names(name, others, cutoff=0.85)][:3]
