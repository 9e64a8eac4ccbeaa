"""Evaluation of a folder of pseudo masks against true masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .functional.masks import MaskScores, mask_confusion, mask_scores
from .index_masks import read_index_mask
from .making_commands import mask_command
from .picture_sums import sum_over_pictures
from .plain_values import plain_number

__all__ = ['evaluate_masks', 'picture_confusion', 'report', 'table']


def evaluate_masks(
    pairs: Sequence[tuple[str | Path, str | Path]],
    num_classes: int,
    num_workers: int = 0,
) -> MaskScores:
    """Score pseudo masks.

    Args:
        pairs (Sequence[tuple[str, str]]): Pseudo mask and true mask of each picture.
        num_classes (int): C, without the background.
        num_workers (int): Worker processes; 0 works here. Defaults to 0.

    Returns:
        MaskScores: In percent.

    Raises:
        ValueError: A file is missing, damaged or does not fit; the message names it.
    """
    count = partial(picture_confusion, num_classes=num_classes)
    return mask_scores(sum_over_pictures(count, pairs, 'Mask evaluation', num_workers))


def picture_confusion(
    mask_path: str | Path, truth_path: str | Path, num_classes: int
) -> np.ndarray:
    """:func:`mask_confusion` of one picture's files.

    Raises:
        ValueError: A file is missing, damaged or does not fit; the message names it.
    """
    if not Path(mask_path).is_file():
        raise ValueError(
            f'there is no pseudo mask {mask_path}: make it with '
            f'{mask_command(Path(mask_path).parent)}'
        )
    mask, truth = read_index_mask(mask_path), read_index_mask(truth_path)
    try:
        return mask_confusion(mask, truth, num_classes)
    except ValueError as error:
        raise ValueError(f'{mask_path} against {truth_path}: {error}') from None


def report(scores: MaskScores, classes: Sequence[str], images: int) -> dict[str, Any]:
    """All scores as plain values for JSON; NaN (a class that is nowhere) becomes None.

    Args:
        scores (MaskScores): Scores.
        classes (Sequence[str]): Names of the C foreground classes.
        images (int): How many pictures were evaluated.
    """
    names = ('background', *classes)
    return {
        'images': images,
        'miou': scores.miou,
        'false_positive': scores.false_positive,
        'false_negative': scores.false_negative,
        'iou': {name: plain_number(value) for name, value in zip(names, scores.iou)},
    }


def table(figures: dict[str, Any]) -> str:
    """The figures of :func:`report` as text: a line per class and one of the means."""
    width = max(16, *map(len, figures['iou']))
    lines = [f'{"class":{width}}     IoU']
    lines += [
        f'{name:{width}} {"-" if value is None else format(value, ".2f"):>7}'
        for name, value in figures['iou'].items()
    ]
    lines += [
        '',
        f'only pseudo masks {figures["false_positive"]:.2f}, '
        f'only true masks {figures["false_negative"]:.2f}',
        f'{figures["images"]} images: mIoU {figures["miou"]:.2f}',
    ]
    return '\n'.join(lines)
