"""BoxAcc over τ, MaxBoxAcc."""

import numpy as np
import pytest

from bas_mm.evaluation.functional import BOX_ACC_DELTAS, box_acc_counts, box_acc_figures


def test_counts_of_one_and_of_several_pictures():
    rng = np.random.default_rng(0)
    ious = rng.random((9, 20))
    counts = box_acc_counts(ious)
    assert counts.shape == (3, 20)
    assert counts.dtype == np.int64
    for d, delta in enumerate(BOX_ACC_DELTAS):
        np.testing.assert_array_equal(counts[d], [(column >= delta).sum() for column in ious.T])
    np.testing.assert_array_equal(sum(box_acc_counts(row) for row in ious), counts)


def test_an_iou_equal_to_the_level_is_right():
    assert box_acc_counts([0.3, 0.5, 0.7]).tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]


def test_maximum_is_the_first_of_several():
    figures = box_acc_figures([[1, 3, 3, 0], [0, 0, 0, 0]], 4)
    assert figures.max_box_acc.tolist() == [75, 0]
    assert figures.best.tolist() == [1, 0]
    assert figures.curve.tolist() == [[25, 75, 75, 0], [0, 0, 0, 0]]


def test_a_set_of_one_picture():
    figures = box_acc_figures([[0, 1, 1]], 1)
    assert figures.max_box_acc.tolist() == [100]
    assert figures.curve.tolist() == [[0, 100, 100]]


def test_no_picture():
    with pytest.raises(ValueError, match='no picture'):
        box_acc_figures(np.zeros((3, 5)), 0)
