"""Scores of seeds at many background scores in one pass (spec wsss.md, section 3).

At background score t a pixel belongs to the class with the greatest map where that map is greater
than t, else to the background. So three numbers say all about a pixel: its true class, the class
with the greatest map, and how many of the ascending scores lie below that map. One histogram over
them holds the confusion matrices of all scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bas_mm.utils.byte_labels import IGNORED

__all__ = [
    'SeedScores',
    'check_thresholds',
    'class_shares',
    'confusion_matrices',
    'greatest_maps',
    'require_normalised',
    'scores_of',
    'seed_histogram',
]

# Pixels at a time: their index arrays stay in the processor's cache.
_CHUNK = 1 << 15


class SeedScores(NamedTuple):
    """Scores of a set at T background scores, in percent; class 0 is the background.

    A class that neither the masks nor the seeds have at a score is NaN there and left out of the
    means, as in mmsegmentation's IoUMetric.

    Attributes:
        thresholds (np.ndarray): (T,) float64, ascending.
        iou (np.ndarray): (T, C + 1) intersection over union.
        miou (np.ndarray): (T,) mean over the classes.
        false_positive (np.ndarray): (T,) share of the union that only the seeds have, mean over
            the classes.
        false_negative (np.ndarray): (T,) share of the union that only the masks have. The three
            means add up to 100.
        best (int): Index of the score with the greatest mIoU, of several the first.
    """

    thresholds: np.ndarray
    iou: np.ndarray
    miou: np.ndarray
    false_positive: np.ndarray
    false_negative: np.ndarray
    best: int


def check_thresholds(thresholds: Sequence[float]) -> np.ndarray:
    """Background scores as the maps are compared with them.

    Args:
        thresholds (Sequence[float]): Ascending, in [0, 1].

    Returns:
        np.ndarray: (T,) float32.

    Raises:
        ValueError: If there is none, one is outside [0, 1], or they do not ascend in float32.
    """
    values = np.asarray(thresholds, dtype=np.float32)
    if values.ndim != 1 or not values.size:
        raise ValueError(f'background scores: a list of numbers is needed, got {thresholds!r}')
    if not (values.min() >= 0 and values.max() <= 1) or (np.diff(values) <= 0).any():
        raise ValueError(f'background scores must ascend within [0, 1], got {list(thresholds)}')
    return values


def seed_histogram(
    maps: np.ndarray,
    classes: np.ndarray,
    mask: np.ndarray,
    num_classes: int,
    thresholds: np.ndarray,
) -> np.ndarray:
    """Count the pixels of one picture by truth, greatest map and number of scores below it.

    Args:
        maps (np.ndarray): (K, h, w) float32 in [0, 1].
        classes (np.ndarray): (K,) class of each map, ascending, in [0, C).
        mask (np.ndarray): (h, w) uint8: 0 background, k + 1 class k, 255 ignored.
        num_classes (int): C, without the background.
        thresholds (np.ndarray): (T,) of :func:`check_thresholds`.

    Returns:
        np.ndarray: (C + 1, C, T + 1) int64: truth, class of the greatest map (of several equal
        ones the first), how many scores are less than it.

    Raises:
        ValueError: If a class or a mask value is out of range, sizes differ, the mask is not
            uint8, or a map leaves [0, 1].
    """
    if not len(classes) or classes.min() < 0 or classes.max() >= num_classes:
        raise ValueError(f'classes {classes.tolist()}: 0 to {num_classes - 1} are known')
    if mask.shape != maps.shape[1:]:
        raise ValueError(
            f'the seeds are those of a picture of {maps.shape[2]}x{maps.shape[1]} pixels, '
            f'but the mask has {mask.shape[1]}x{mask.shape[0]}'
        )
    require_normalised(maps)
    if mask.dtype != np.uint8:  # of others a value may wrap around, or be beyond the last class
        raise ValueError(
            f'the mask is {mask.dtype}, not uint8: if its values fit, astype(np.uint8)'
        )
    wrong = (mask > num_classes) & (mask < IGNORED)
    if wrong.any():
        raise ValueError(
            f'the mask has the value {mask[wrong].min()}: 0 to {num_classes} and '
            f'{IGNORED} are known'
        )

    flat, truth = maps.reshape(len(maps), -1), mask.ravel()
    rows = num_classes + 2  # the last one holds the ignored pixels
    columns = len(classes) * (len(thresholds) + 1)
    first = np.arange(256) * columns
    first[IGNORED] = (num_classes + 1) * columns
    dense = np.zeros(rows * columns, dtype=np.int64)
    for begin in range(0, truth.size, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        best, best_map = greatest_maps(flat[:, part])
        index = best_map * (len(thresholds) + 1)
        index += first.take(truth[part], mode='clip')
        index += np.searchsorted(thresholds, best, side='left')
        dense += np.bincount(index, minlength=dense.size)
    histogram = np.zeros((num_classes + 1, num_classes, len(thresholds) + 1), dtype=np.int64)
    histogram[:, classes] = dense.reshape(rows, len(classes), -1)[:-1]
    return histogram


def require_normalised(maps: np.ndarray) -> None:
    """Raise a ValueError where maps (K, h, w) leave [0, 1]."""
    if not (maps.min() >= 0 and maps.max() <= 1):  # NaN fails here too
        raise ValueError('the maps leave [0, 1]: they are not normalised')


def greatest_maps(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Value and index of the greatest of the maps (K, ...) at each pixel; of equal ones the first.

    Args:
        maps (np.ndarray): (K, ...), K at least 1.

    Returns:
        tuple[np.ndarray, np.ndarray]: Both (...); the second one of indices.
    """
    # Several times as fast as argmax over a short first axis. Indices only rise, so the maximum
    # writes k where map k is greater, without a branch per pixel.
    best, index = maps[0], np.zeros(maps.shape[1:], dtype=np.intp)
    for k in range(1, len(maps)):
        np.maximum(index, (maps[k] > best) * np.intp(k), out=index)
        best = np.maximum(best, maps[k])
    return best, index


def confusion_matrices(histogram: np.ndarray) -> np.ndarray:
    """Confusion matrices of all scores.

    Args:
        histogram (np.ndarray): (C + 1, C, T + 1), the sum of :func:`seed_histogram` over a set.

    Returns:
        np.ndarray: (T, C + 1, C + 1) int64: score, truth, prediction; 0 is the background.
    """
    # A pixel with n scores below it is foreground at the scores 0 ... n - 1.
    foreground = histogram[..., ::-1].cumsum(-1)[..., ::-1][..., 1:]
    background = histogram.sum((1, 2))[:, None] - foreground.sum(1)
    return np.concatenate([background[:, None], foreground], axis=1).transpose(2, 0, 1)


def class_shares(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What of each class's union is agreed on, and what only one side has.

    Args:
        confusion (np.ndarray): (..., C + 1, C + 1): truth, prediction.

    Returns:
        tuple[np.ndarray, np.ndarray, np.ndarray]: (..., C + 1) each, in percent: intersection over
        union, share of the union that only the prediction has, share that only the truth has.
        NaN for a class that is nowhere.
    """
    hit = np.diagonal(confusion, axis1=-2, axis2=-1)
    only_prediction, only_truth = confusion.sum(-2) - hit, confusion.sum(-1) - hit
    union = hit + only_prediction + only_truth
    with np.errstate(invalid='ignore'):  # 0 / 0: a class that is nowhere
        return tuple(100 * part / union for part in (hit, only_prediction, only_truth))


def scores_of(histogram: np.ndarray, thresholds: Sequence[float]) -> SeedScores:
    """Scores of a set from its histogram.

    Args:
        histogram (np.ndarray): (C + 1, C, T + 1), the sum of :func:`seed_histogram` over a set.
        thresholds (Sequence[float]): The T background scores.

    Returns:
        SeedScores: In percent.

    Raises:
        ValueError: If the histogram is empty.
    """
    if not histogram.any():
        raise ValueError('there is not a single pixel to score')
    iou, over, under = class_shares(confusion_matrices(histogram))
    miou = np.nanmean(iou, axis=1)
    return SeedScores(
        thresholds=np.asarray(thresholds, dtype=np.float64),
        iou=iou,
        miou=miou,
        false_positive=np.nanmean(over, axis=1),
        false_negative=np.nanmean(under, axis=1),
        best=int(miou.argmax()),
    )
