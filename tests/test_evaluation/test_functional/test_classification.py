"""Ranks of the true class."""

import numpy as np
import pytest

from bas_mm.evaluation.functional import class_ranks


def test_ranks_are_positions_in_a_stable_descending_sort():
    rng = np.random.RandomState(2)
    scores = rng.randint(0, 5, (200, 9)).astype(np.float32)  # full of ties
    labels = rng.randint(0, 9, 200)
    order = np.argsort(-scores, axis=1, kind='stable')
    positions = np.argmax(order == labels[:, None], axis=1)
    np.testing.assert_array_equal(class_ranks(scores, labels), positions)


def test_fewer_than_five_classes():
    np.testing.assert_array_equal(class_ranks([[0.2, 0.8], [0.9, 0.1]], [0, 0]), [1, 0])


def test_errors():
    with pytest.raises(ValueError, match='NaN'):
        class_ranks([[0.1, np.nan]], [0])
    with pytest.raises(ValueError, match=r'\[0, 2\)'):
        class_ranks([[0.1, 0.9]], [2])
    with pytest.raises(ValueError, match=r'\[0, 2\)'):
        class_ranks([[0.1, 0.9]], [-1])
    with pytest.raises(ValueError, match='expected'):
        class_ranks([[0.1, 0.9]], [0, 1])
    with pytest.raises(ValueError, match='whole numbers, got 0.7$'):
        class_ranks([[0.1, 0.9], [0.1, 0.9]], [0, 0.7])
    for label in (np.nan, np.inf, 1e300, 2**63):
        with pytest.raises(ValueError, match=r'must lie in \[0, 2\), got '):
            class_ranks([[0.1, 0.9], [0.1, 0.9]], [0, label])
    assert class_ranks([[0.1, 0.9]], [1.0]).tolist() == [0]
    assert class_ranks(np.zeros((0, 2)), []).tolist() == []
