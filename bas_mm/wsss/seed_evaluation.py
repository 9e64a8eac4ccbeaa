"""Evaluation of a folder of seeds against palette masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .functional.seed_scores import SeedScores, check_thresholds, scores_of, seed_histogram
from .index_masks import read_index_mask
from .picture_sums import sum_over_pictures
from .plain_values import plain_number
from .seed_file import SeedFile

__all__ = [
    'THRESHOLDS',
    'evaluate_seeds',
    'picture_histogram',
    'report',
    'table',
]

#: Background scores of the spec: 0.20, 0.21, ..., 0.44.
THRESHOLDS = tuple(step / 100 for step in range(20, 45))


def evaluate_seeds(
    pairs: Sequence[tuple[str | Path, str | Path]],
    num_classes: int,
    thresholds: Sequence[float] = THRESHOLDS,
    num_workers: int = 0,
) -> SeedScores:
    """Score seeds at all background scores, in one pass over the files.

    Args:
        pairs (Sequence[tuple[str, str]]): Seed file and mask of each picture.
        num_classes (int): C, without the background.
        thresholds (Sequence[float]): Background scores, ascending. Defaults to
            :data:`THRESHOLDS`.
        num_workers (int): Worker processes; 0 works here. Defaults to 0.

    Returns:
        SeedScores: In percent.

    Raises:
        ValueError: A file is missing, damaged or does not fit; the message names it.
    """
    values = check_thresholds(thresholds)
    count = partial(picture_histogram, num_classes=num_classes, thresholds=values)
    total = sum_over_pictures(count, pairs, 'Seed evaluation', num_workers)
    return scores_of(total, thresholds)


def picture_histogram(
    seed_path: str | Path, mask_path: str | Path, num_classes: int, thresholds: np.ndarray
) -> np.ndarray:
    """:func:`seed_histogram` of one picture's files.

    Raises:
        ValueError: A file is missing, damaged or does not fit; the message names it.
    """
    classes, maps = SeedFile.load_high_res(seed_path)
    mask = read_index_mask(mask_path)
    try:
        return seed_histogram(maps, classes, mask, num_classes, thresholds)
    except ValueError as error:
        raise ValueError(f'{seed_path} against {mask_path}: {error}') from None


def report(scores: SeedScores, classes: Sequence[str], images: int) -> dict[str, Any]:
    """All scores as plain values for JSON; NaN (a class that is nowhere) becomes None.

    Args:
        scores (SeedScores): Scores.
        classes (Sequence[str]): Names of the C foreground classes.
        images (int): How many pictures were evaluated.
    """
    names = ('background', *classes)
    best = scores.best
    return {
        'images': images,
        'best': {
            'threshold': float(scores.thresholds[best]),
            'miou': float(scores.miou[best]),
            'iou': {name: plain_number(scores.iou[best, k]) for k, name in enumerate(names)},
        },
        'thresholds': scores.thresholds.tolist(),
        'miou': scores.miou.tolist(),
        'false_positive': scores.false_positive.tolist(),
        'false_negative': scores.false_negative.tolist(),
        'iou': {name: [plain_number(v) for v in scores.iou[:, k]] for k, name in enumerate(names)},
    }


def table(figures: dict[str, Any]) -> str:
    """The figures of :func:`report` as text: a line per background score, one per class."""
    rows = zip(*(figures[k] for k in ('thresholds', 'miou', 'false_positive', 'false_negative')))
    best = figures['best']
    lines = ['background score    mIoU   only seeds   only masks']
    for threshold, miou, over, under in rows:
        mark = '  best' if threshold == best['threshold'] else ''
        lines.append(f'{threshold:16.2f} {miou:7.2f} {over:12.2f} {under:12.2f}{mark}')
    width = max(16, *map(len, best['iou']))
    lines += ['', f'{"class":{width}} IoU at {best["threshold"]:.2f}']
    lines += [
        f'{name:{width}} {"-" if value is None else format(value, "11.2f"):>11}'
        for name, value in best['iou'].items()
    ]
    lines += ['', f'{figures["images"]} images: mIoU {best["miou"]:.2f} at {best["threshold"]:.2f}']
    return '\n'.join(lines)
