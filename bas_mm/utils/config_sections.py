"""The parts that a config may have at its top level."""

from __future__ import annotations

import inspect
from collections.abc import Container
from difflib import get_close_matches

__all__ = ['RUNNER_SECTIONS', 'similar_sections']

#: Those that mmengine reads beside the arguments of its runner.
RUNNER_SECTIONS = frozenset({'custom_imports', 'runner_type', 'tta_model', 'tta_pipeline'})


def similar_sections(name: str, present: Container[str] | dict) -> list[str] | None:
    """Look for the part that a setting of the command line belongs to.

    A setting of a part that nothing reads changes nothing, and mmengine says nothing of it.

    Args:
        name (str): The first word of the setting's key.
        present (Container[str]): The names that the config has.

    Returns:
        list[str] | None: None where the config has it, or mmengine's runner takes it. Otherwise
        up to three names that resemble it, the likest first.

    Examples:
        >>> similar_sections('train_dataloader', {})
        >>> similar_sections('train_dataloder', {})
        ['train_dataloader', 'val_dataloader']
        >>> similar_sections('of_mine', {})
        []
    """
    if name in present:
        return None
    from mmengine.runner import Runner

    taken = RUNNER_SECTIONS | inspect.signature(Runner).parameters.keys()
    if name in taken:
        return None
    return get_close_matches(name, sorted({*taken, *present}), n=3, cutoff=0.75)
