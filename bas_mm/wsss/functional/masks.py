"""Pseudo masks: the settings that make them (spec wsss.md, section 6), and what is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bas_mm.utils.byte_labels import IGNORED

from .seed_scores import class_shares

__all__ = ['MaskParams', 'MaskScores', 'mask_confusion', 'mask_scores']


@dataclass(frozen=True)
class MaskParams:
    """How seeds become masks.

    Args:
        background: Background score: what a class must exceed.
        radius: Pairs of points nearer than this have an affinity; in points of the grid at 1/4.
        beta: Power of the affinities.
        steps: Steps of the walk.
        power: Power of the seeds.
    """

    background: float = 0.22
    radius: int = 5
    beta: float = 10
    steps: int = 256
    power: float = 1.5

    def __post_init__(self) -> None:
        if not 0 <= self.background <= 1:
            raise ValueError(f'mask_cfg.background={self.background}: give a number in [0, 1]')
        if self.beta <= 0:  # 0^0 is 1: points would have affinities beyond the picture's border
            raise ValueError(f'mask_cfg.beta={self.beta}: give a number above 0')
        for name, lowest in (('radius', 2), ('steps', 0), ('power', 0)):
            if getattr(self, name) < lowest:
                raise ValueError(f'mask_cfg.{name}={getattr(self, name)}: give at least {lowest}')


class MaskScores(NamedTuple):
    """Scores of masks in percent; class 0 is the background.

    A class that is nowhere is NaN and left out of the means, as in mmsegmentation's IoUMetric.

    Attributes:
        iou (np.ndarray): (C + 1,) intersection over union.
        miou (float): Its mean.
        false_positive (float): Share of the union that only the pseudo masks have, mean over the
            classes.
        false_negative (float): Share of the union that only the true masks have. The three means
            add up to 100.
    """

    iou: np.ndarray
    miou: float
    false_positive: float
    false_negative: float


def mask_confusion(mask: np.ndarray, truth: np.ndarray, num_classes: int) -> np.ndarray:
    """Count the pixels of one picture by true and by given class.

    Args:
        mask (np.ndarray): (h, w) uint8, the pseudo mask: 0 background, k + 1 class k.
        truth (np.ndarray): (h, w) uint8, likewise; 255 is ignored.
        num_classes (int): C, without the background, at most 254.

    Returns:
        np.ndarray: (C + 1, C + 1) int64: truth, pseudo mask.

    Raises:
        ValueError: Sizes differ, a value is out of range, or a mask is not uint8.
    """
    if mask.shape != truth.shape:
        raise ValueError(
            f'the pseudo mask has {mask.shape[1]}x{mask.shape[0]} pixels, but the true one '
            f'{truth.shape[1]}x{truth.shape[0]}'
        )
    _check_values('the pseudo mask', mask, range(num_classes + 1, 256), f'0 to {num_classes}')
    _check_values(
        'the true mask',
        truth,
        range(num_classes + 1, IGNORED),
        f'0 to {num_classes} and {IGNORED}',
    )
    counts = np.bincount((truth.ravel().astype(np.intp) << 8) + mask.ravel(), minlength=1 << 16)
    return counts.reshape(256, 256)[: num_classes + 1, : num_classes + 1]


def mask_scores(confusion: np.ndarray) -> MaskScores:
    """Scores of a set.

    Args:
        confusion (np.ndarray): (C + 1, C + 1), the sum of :func:`mask_confusion` over it.

    Returns:
        MaskScores: In percent.

    Raises:
        ValueError: There is no pixel.
    """
    if not confusion.any():
        raise ValueError('there is not a single pixel to score')
    iou, over, under = class_shares(confusion)
    return MaskScores(iou, *(float(np.nanmean(share)) for share in (iou, over, under)))


def _check_values(what: str, mask: np.ndarray, wrong: Sequence[int], known: str) -> None:
    # Others may have values that wrap around, or that no histogram has a place for.
    if mask.dtype != np.uint8:
        raise ValueError(f'{what} is {mask.dtype}, not uint8: if its values fit, astype(np.uint8)')
    counts = np.bincount(mask.ravel(), minlength=256)
    for value in wrong:
        if counts[value]:
            raise ValueError(f'{what} has the value {value}: {known} are known')
