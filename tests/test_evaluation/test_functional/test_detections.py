"""The detection that counts."""

import numpy as np
import pytest

from bas_mm.evaluation.functional import detected_box

BOXES = np.array([[10, 20, 30, 40], [0, 0, 9, 9], [10.4, 20.6, 300, 400]])


@pytest.mark.parametrize(
    ('scores', 'view_box', 'size', 'expected'),
    [
        ([0.9, 0.1, 0.2], (0, 0, 100, 50), (50, 100), [10, 20, 30, 40]),
        ([0.1, 0.9, 0.2], (0, 0, 100, 50), (100, 100), [0, 0, 9, 18]),
        # Rounded, and clamped to a view of 100 columns and 50 rows.
        ([0.1, 0.2, 0.9], (0, 0, 100, 50), (50, 100), [10, 21, 100, 50]),
        # Mirrored: columns 10 to 30 of 100 are columns 70 to 90.
        ([0.9, 0.1, 0.2], (100, 0, 0, 50), (50, 100), [70, 20, 90, 40]),
        # The first of two.
        ([0.9, 0.9, 0.2], (0, 0, 100, 50), (50, 100), [10, 20, 30, 40]),
    ],
)
def test_it_is_the_best_one_in_the_view(scores, view_box, size, expected):
    box = detected_box(BOXES, np.array(scores), view_box, size)
    assert box.tolist() == [expected]
    assert box.dtype == np.int64


def test_there_may_be_none():
    assert detected_box(np.zeros((0, 4)), np.zeros(0), (0, 0, 9, 9), (9, 9)).shape == (0, 4)


@pytest.mark.parametrize('size', [(50, 100), (100, 50)])
def test_a_detection_beside_the_view_is_clamped_to_its_edge(size):
    height, width = size
    view_box = (20, 10, 20 + width, 10 + height)
    for box, expected in (
        ([300, 300, 310, 320], [width, height, width, height]),
        ([0, 0, 5, 5], [0, 0, 0, 0]),
    ):
        assert detected_box(np.array([box]), np.ones(1), view_box, size).tolist() == [expected]
