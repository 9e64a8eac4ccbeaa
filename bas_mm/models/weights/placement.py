"""Putting the weights of a checkpoint in their places, and telling what does not fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .key_maps import BACKBONE_RENAMES, Rename, strip_common_prefix, unwrap

__all__ = ['Placement', 'place', 'place_in_backbone']


@dataclass(frozen=True)
class Placement:
    """What became of the weights of a checkpoint.

    Args:
        weights: Target name -> weight, for what fits by name and shape.
        unplaced: Names in the checkpoint that have no place in the target, or one that another name
            before them has taken.
        missing: Names in the target that got no weight. A batch norm's ``num_batches_tracked`` is
            never among them: old checkpoints have none, and no result depends on it.
        mismatched: For names that are on both sides with different shapes: name in the
            checkpoint, name in the target, shape in the checkpoint, shape in the target. They are
            neither in ``unplaced`` nor in ``missing``.
    """

    weights: dict[str, Any]
    unplaced: tuple[str, ...]
    missing: tuple[str, ...]
    mismatched: tuple[tuple[str, str, tuple[int, ...], tuple[int, ...]], ...]

    @property
    def complete(self) -> bool:
        """Whether every weight of the target found its value."""
        return not self.missing and not self.mismatched

    def report(self, limit: int | None = None) -> str:
        """One line per weight that did not fit, grouped; empty if all did.

        Args:
            limit: At most so many lines per group. Default: all.
        """
        groups = [
            ('in the file, without a place in the model', list(self.unplaced)),
            ('in the model, without a weight in the file', list(self.missing)),
            (
                'of different shape',
                [f'{s} {a} in the file, {t} {b} in the model' for s, t, a, b in self.mismatched],
            ),
        ]
        lines = []
        for title, names in groups:
            if names:
                lines.append(f'{len(names)} {title}:')
                lines += [f'  {name}' for name in names[:limit]]
                if limit is not None and len(names) > limit:
                    lines.append(f'  … and {len(names) - limit} more')
        return '\n'.join(lines)


def place(
    weights: Mapping[str, Any], target_shapes: Mapping[str, tuple[int, ...]], rename: Rename
) -> Placement:
    """Rename weights and compare them with the names and shapes of a model.

    Args:
        weights: Name -> anything with a ``shape``.
        target_shapes: Name -> shape of the model's parameters and buffers.
        rename: Gives the model's name of each weight.

    Returns:
        What fits, and what does not.
    """
    targets = rename(weights)
    placed, mismatched = {}, []
    unplaced = [name for name in weights if targets.get(name) not in target_shapes]
    taken = set()
    for source, target in targets.items():
        if target not in target_shapes:
            continue
        if target in taken:  # by another name of the same weight
            unplaced.append(source)
            continue
        taken.add(target)
        found, wanted = tuple(weights[source].shape), tuple(target_shapes[target])
        if found == wanted:
            placed[target] = weights[source]
        else:
            mismatched.append((source, target, found, wanted))
    seen = placed.keys() | {target for _, target, _, _ in mismatched}
    missing = [
        name
        for name in target_shapes
        if name not in seen and not name.endswith('num_batches_tracked')
    ]
    return Placement(placed, tuple(unplaced), tuple(missing), tuple(mismatched))


def place_in_backbone(
    checkpoint: Mapping[str, Any], target_shapes: Mapping[str, tuple[int, ...]]
) -> tuple[str, Placement]:
    """Find the weights of a backbone in a checkpoint of any of the known formats.

    The formats are told apart by names: of those in ``BACKBONE_RENAMES``, the one that places
    the most weights is taken. If names start with ``backbone.``, as in checkpoints of whole
    OpenMMLab models, the others count as unplaced.

    Args:
        checkpoint: What ``torch.load`` gave.
        target_shapes: Name -> shape of the backbone's parameters and buffers.

    Returns:
        The name of the format, and what fits and what does not.

    Raises:
        ValueError: There are no named weights in it.
    """
    weights = unwrap(checkpoint)
    prefix = 'backbone.'
    inside = {name: value for name, value in weights.items() if name.startswith(prefix)}
    outside = [name for name in weights if name not in inside] if inside else []
    candidates = {
        name: place(strip_common_prefix(inside or weights, prefix), target_shapes, rename)
        for name, rename in BACKBONE_RENAMES.items()
    }
    # max() keeps the first of equals, and the first format is the one without renaming.
    best = max(candidates, key=lambda name: len(candidates[name].weights))
    found = candidates[best]
    return best, Placement(
        found.weights, (*found.unplaced, *outside), found.missing, found.mismatched
    )
