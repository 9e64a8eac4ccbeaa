"""Whether it is known which part of the original picture a view shows."""

from __future__ import annotations

__all__ = ['follow_view', 'is_view_known']


def follow_view(results: dict, before: tuple[int, int], after: tuple[int, int]) -> None:
    """Note the new size of the view, for a transform that takes ``view_box`` and boxes along.

    Transforms of other packages change the size without this note. From there on nobody knows
    where in the original picture the view lies, nor where the true boxes are in it.

    Args:
        results: Of the pipeline; ``view_shape`` is set, ``()`` where the view is lost.
        before: Height and width before the transform.
        after: Height and width after it.
    """
    results['view_shape'] = tuple(after) if is_view_known(results, before) else ()


def is_view_known(results: dict, shape: tuple[int, int]) -> bool:
    """Whether the picture has the size that the last transform to follow the view has left.

    Args:
        results: Of the pipeline.
        shape: Height and width of the picture now.
    """
    noted = results.get('view_shape', results.get('ori_shape', shape))
    return tuple(noted[:2]) == tuple(shape)
