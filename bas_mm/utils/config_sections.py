"""The parts that a config may have at its top level."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from difflib import get_close_matches

__all__ = ['COMMAND_SECTIONS', 'runner_sections', 'similar_sections']

# Those that runners, or the makers of these, look up beside the arguments of mmengine's runner.
_BESIDE_ARGUMENTS = (
    *('custom_imports', 'find_unused_parameters', 'model_wrapper_cfg', 'sync_bn', 'compile'),
    *('activation_checkpointing', 'efficient_conv_bn_eval', 'runner_type', 'strategy'),
)
#: Those that test-time augmentation and the commands for segmentation look up.
COMMAND_SECTIONS = frozenset(
    (
        *('tta_model', 'tta_pipeline'),
        *('irn_label_cfg', 'mask_cfg', 'seed_cfg', 'seed_dataloader', 'seed_evaluator'),
    )
)


def runner_sections() -> set[str]:
    """Those that mmengine's runner takes or looks up."""
    from mmengine.runner import Runner

    return {*inspect.signature(Runner).parameters, *_BESIDE_ARGUMENTS}


def similar_sections(name: str, present: Collection[str]) -> list[str]:
    """The parts that a name of none is a mistyped one of.

    Args:
        name (str): The first word of a setting's key, which is in none of the two:
        present (Collection[str]): The names that the config has.

    Returns:
        list[str]: Up to three of these names and of those that runner and commands look up, which
        differ from it in a letter or two, the likest first.

    Examples:
        >>> similar_sections('train_dataloder', {})
        ['train_dataloader']
        >>> similar_sections('my_visualizer', {})
        []
    """
    known = {*runner_sections(), *COMMAND_SECTIONS, *present}
    near = [other for other in sorted(known) if abs(len(other) - len(name)) <= 2]
    return get_close_matches(name, near, n=3, cutoff=0.85)
