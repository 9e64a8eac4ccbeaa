"""Names of the published IRNet's weights."""

import re
from collections.abc import Iterable

__all__ = ['is_published_alias', 'published_irn_to_bas_mm']

# The file holds the backbone a second time by stages, and all weights once more in three lists.
_ALIASES = re.compile(r'(stage\d+|backbone|edge_layers|dp_layers)\.')
# One buffer, seen from the model and from the end of its last layer.
_MEAN_ALIAS = 'fc_dp7.4.running_mean'

_PREFIXES = {
    'resnet50.': 'backbone.',
    'mean_shift.': 'mean_shift.',
    **{f'fc_edge{i}.': f'boundary_branch.reductions.{i - 1}.' for i in range(1, 6)},
    'fc_edge6.': 'boundary_branch.joint.',
    **{f'fc_dp{i}.': f'displacement_branch.reductions.{i - 1}.' for i in range(1, 6)},
    'fc_dp6.': 'displacement_branch.coarse_joint.',
    'fc_dp7.3.': 'displacement_branch.field.',
    'fc_dp7.': 'displacement_branch.fine_joint.',
}


def is_published_alias(name: str) -> bool:
    """Whether a name of the published file stands for a weight that has another name there too."""
    return name == _MEAN_ALIAS or _ALIASES.match(name) is not None


def published_irn_to_bas_mm(names: Iterable[str]) -> dict[str, str]:
    """Names of a published IRNet checkpoint to those of :class:`~bas_mm.models.affinity.IRNet`.

    Args:
        names: The names, without ``module.``.

    Returns:
        Source name -> target name, without aliases.
    """
    result = {}
    for name in names:
        prefix = next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)
        if prefix is not None and not is_published_alias(name):
            result[name] = _PREFIXES[prefix] + name[len(prefix) :]
    return result
