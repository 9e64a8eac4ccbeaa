"""Masks shrunk and grown to a given area."""

import numpy as np
import pytest

from bas_mm.evaluation.functional import grown_masks

RATIOS = [0.05, 0.3, 0.5, 0.99, 1.0, 1.2, 1.7, 2.0, 30.0]


def slow(mask, ratio):
    """All distances one by one; what is around the picture is background."""
    height, width = mask.shape
    inside = {(y, x) for y in range(height) for x in range(width) if mask[y, x]}
    around = {
        (y, x) for y in range(-1, height + 1) for x in range(-1, width + 1) if (y, x) not in inside
    }
    keys = []
    for y in range(height):
        for x in range(width):
            own, others = (around, -1) if (y, x) in inside else (inside, 1)
            distance = min((y - v) ** 2 + (x - u) ** 2 for v, u in own)
            keys.append((others * distance, y, x))
    count = min(max(round(ratio * len(inside)), 1), mask.size)
    result = np.zeros_like(mask)
    for _, y, x in sorted(keys)[:count]:
        result[y, x] = True
    return result


def shapes():
    rng = np.random.default_rng(0)
    blob = np.zeros((18, 22), bool)
    blob[4:12, 3:15] = True
    blob[7:9, 6:9] = False
    edge = np.zeros((15, 15), bool)
    edge[9:, :8] = True
    return [blob, edge, rng.random((12, 13)) < 0.3, np.ones((6, 7), bool), np.eye(9, dtype=bool)]


@pytest.mark.parametrize('mask', shapes())
def test_against_all_distances_one_by_one(mask):
    masks = grown_masks(mask, RATIOS)
    for ratio, grown in zip(RATIOS, masks):
        np.testing.assert_array_equal(grown, slow(mask, ratio))
    np.testing.assert_array_equal(masks[RATIOS.index(1.0)], mask)
    for small, large in zip(masks, masks[1:]):
        assert (small <= large).all()


def test_a_square_shrinks_about_its_centre():
    mask = np.zeros((31, 31), bool)
    mask[5:26, 5:26] = True
    (small,) = grown_masks(mask, [(11 / 21) ** 2])
    expected = np.zeros_like(mask)
    expected[10:21, 10:21] = True
    np.testing.assert_array_equal(small, expected)


def test_bad_arguments():
    with pytest.raises(ValueError, match='at least one pixel'):
        grown_masks(np.zeros((4, 4), bool), [1])
    with pytest.raises(ValueError, match=r'\(H, W\)'):
        grown_masks(np.ones((1, 4, 4), bool), [1])
    for bad in (0, -1, float('nan')):
        with pytest.raises(ValueError, match='above 0'):
            grown_masks(np.ones((4, 4), bool), [1, bad])
