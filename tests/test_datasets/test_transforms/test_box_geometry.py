"""Box arithmetic against exact fractions: Protocol A's ground truth depends on its order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bas_mm.datasets.transforms.functional import (
    boxes_to_view,
    crop_offset,
    flip_boxes,
    resize_boxes,
    shift_boxes,
)


def exact_corner(value, old: int, new: int, offset: int, view: int) -> int:
    """Scale, move, clamp and truncate one coordinate without any rounding."""
    scaled = Fraction(value) * new / old - offset
    return int(min(max(scaled, Fraction(0)), Fraction(view - 1)))


def through_the_pipeline(boxes, size, new_size, offset):
    moved = shift_boxes(resize_boxes(boxes, size, new_size), *offset)
    return boxes_to_view(moved, 224, 224)


# width, x, and the column that x must fall on. Each of them comes out one less when new / old is
# rounded first, or when x / old is.
CROPPED_GOLDEN = [
    (98, 49, 112),
    (196, 49, 48),
    (196, 147, 176),
    (322, 161, 112),
    (374, 187, 112),
    (392, 49, 16),
    (392, 294, 176),
    (412, 103, 48),
]
WHOLE_GOLDEN = [(80, 45, 126), (112, 61, 122), (160, 85, 119), (220, 165, 168), (224, 61, 61)]


@pytest.mark.parametrize(('width', 'x', 'column'), CROPPED_GOLDEN)
def test_order_of_operations_with_crop(width, x, column):
    box = through_the_pipeline([[x, x, width, width]], (width, width), (256, 256), (16, 16))
    assert box.tolist() == [[column, column, 223, 223]]


@pytest.mark.parametrize(('width', 'x', 'column'), WHOLE_GOLDEN)
def test_order_of_operations_without_crop(width, x, column):
    box = through_the_pipeline([[x, x, width, width]], (width, width), (224, 224), (0, 0))
    assert box.tolist() == [[column, column, 223, 223]]


def test_every_column_of_many_widths():
    for new, offset in ((256, 16), (224, 0)):
        for width in [*range(20, 140), 196, 300, 333, 374, 375, 392, 461, 480, 500, 1021]:
            x = np.arange(width + 1)
            boxes = np.stack([x, x, x, x], axis=1)
            found = through_the_pipeline(boxes, (width, width), (new, new), (offset, offset))
            expected = [exact_corner(int(value), width, new, offset, 224) for value in x]
            for k in range(4):
                assert found[:, k].tolist() == expected, (new, width, k)


def test_widths_and_heights_are_not_mixed_up():
    rng = np.random.default_rng(0)
    for _ in range(50):
        width, height = rng.integers(40, 600, 2).tolist()
        new = tuple(rng.integers(230, 300, 2).tolist())
        left, top = rng.integers(0, 6, 2).tolist()
        x = np.sort(rng.integers(0, width + 1, (6, 2)), axis=1)
        y = np.sort(rng.integers(0, height + 1, (6, 2)), axis=1)
        boxes = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
        found = through_the_pipeline(boxes, (width, height), new, (left, top))
        for box, got in zip(boxes.tolist(), found.tolist()):
            assert got == [
                exact_corner(box[0], width, new[0], left, 224),
                exact_corner(box[1], height, new[1], top, 224),
                exact_corner(box[2], width, new[0], left, 224),
                exact_corner(box[3], height, new[1], top, 224),
            ]


def test_fractional_boxes_are_truncated_after_clamping():
    boxes = [[-3.7, 0.99, 223.5, 400.0], [1.99, 2.0, 222.999, 222.0]]
    view = boxes_to_view(boxes, 224, 224)
    assert view.dtype == np.int64
    assert view.tolist() == [[0, 0, 223, 223], [1, 2, 222, 222]]


def test_flip_moves_pixels():
    """The columns of a painted box are found again where the flipped box says."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        width = int(rng.integers(5, 40))
        x0, x1 = sorted(rng.integers(0, width, 2).tolist())
        row = np.zeros(width, dtype=bool)
        row[x0 : x1 + 1] = True
        columns = np.flatnonzero(row[::-1])
        box = flip_boxes([[x0, 3, x1, 7]], width)
        assert box.tolist() == [[columns[0], 3, columns[-1], 7]]
        np.testing.assert_array_equal(flip_boxes(box, width), [[x0, 3, x1, 7]])


def test_no_boxes():
    empty = np.zeros((0, 4))
    for boxes in (
        resize_boxes(empty, (3, 4), (5, 6)),
        shift_boxes(empty, 1, 2),
        flip_boxes(empty, 9),
        boxes_to_view(empty, 9, 9),
    ):
        assert boxes.shape == (0, 4)


def test_inputs_are_left_alone():
    boxes = np.array([[1.5, 2.0, 3.0, 4.0]])
    before = boxes.copy()
    resize_boxes(boxes, (10, 10), (20, 20))
    shift_boxes(boxes, 1, 1)
    flip_boxes(boxes, 10)
    boxes_to_view(boxes, 10, 10)
    np.testing.assert_array_equal(boxes, before)


@pytest.mark.parametrize(
    ('length', 'crop', 'offset'), [(256, 224, 16), (224, 224, 0), (257, 224, 16), (259, 224, 18)]
)
def test_crop_offset(length, crop, offset):
    assert crop_offset(length, crop) == offset
