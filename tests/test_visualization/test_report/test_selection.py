"""Which pictures a report draws, and the histogram of IoUs."""

import numpy as np
import pytest

from bas_mm.visualization.report import IOU_BINS, choose_pictures, iou_histograms


@pytest.mark.parametrize('seed', range(6))
def test_choice_against_a_slow_one(seed):
    rng = np.random.default_rng(seed)
    n, count, per_class = 40, 5, 1 + seed % 2
    # Few values, so that there are ties; in some runs NaN.
    ious = rng.integers(0, 9, (3, n)) / 8
    if seed % 2:
        ious[:, rng.integers(0, n, 4)] = np.nan
    labels = rng.integers(0, 4, n)
    expected: dict[int, set[str]] = {}

    def take(kind, key, pictures, number):
        usable = [i for i in pictures if not np.isnan(key(i))]
        for i in sorted(usable, key=lambda i: (key(i), i))[:number]:
            expected.setdefault(i, set()).add(kind)

    def gain(i):
        return ious[2, i] - ious[0, i]

    take('best', lambda i: -ious[2, i], range(n), count)
    take('worst', lambda i: ious[2, i], range(n), count)
    take('ahead', lambda i: -gain(i), [i for i in range(n) if gain(i) > 0], count)
    take('behind', gain, [i for i in range(n) if gain(i) < 0], count)
    for label in range(4):
        own = [i for i in range(n) if labels[i] == label]
        take('class', lambda i: -ious[2, i], own, per_class)
        take('class', lambda i: ious[2, i], own, per_class)
    chosen = choose_pictures(ious, labels, count, per_class)
    assert list(chosen) == sorted(chosen)
    assert {i: set(kinds) for i, kinds in chosen.items()} == expected
    assert all(len(set(kinds)) == len(kinds) for kinds in chosen.values())


def test_one_method_is_ahead_of_nothing():
    chosen = choose_pictures([[0.1, 0.9, 0.5]], [0, 0, 0], 1, 0)
    assert chosen == {0: ('worst',), 1: ('best',)}
    assert choose_pictures([[0.1, 0.9, 0.5]], [0, 0, 0], 0, 0) == {}


def test_histograms_against_numpy():
    rng = np.random.default_rng(0)
    ious = np.concatenate([rng.random(300), np.arange(21) / 20])
    labels = rng.integers(0, 3, len(ious))
    found = iou_histograms(ious, labels, 4)
    assert found.shape == (4, IOU_BINS)
    for label in range(4):
        edges = np.arange(21) / 20
        expected, _ = np.histogram(ious[labels == label], edges)
        assert found[label].tolist() == expected.tolist()
    assert iou_histograms([np.nan, 0.5], [0, 0], 1).sum() == 1
