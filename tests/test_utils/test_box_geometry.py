"""Box arithmetic against exact fractions: Protocol A's ground truth depends on its order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bas_mm.utils.box_geometry import (
    box_in_picture,
    boxes_from_original,
    boxes_to_original,
    boxes_to_view,
    crop_offset,
    crop_view_box,
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
    for empty in (np.zeros((0, 4)), []):
        for boxes in (
            resize_boxes(empty, (3, 4), (5, 6)),
            shift_boxes(empty, 1, 2),
            flip_boxes(empty, 9),
            boxes_to_view(empty, 9, 9),
            boxes_to_original(empty, (0, 0, 9, 9), (4, 4)),
            boxes_from_original(empty, (0, 0, 9, 9), (4, 4)),
        ):
            assert boxes.shape == (0, 4)


@pytest.mark.parametrize('dtype', [np.int32, np.float32])
def test_boxes_of_other_types_become_float64(dtype):
    boxes = np.array([[1, 2, 3, 5]], dtype=dtype)
    for found in (
        resize_boxes(boxes, (3, 4), (5, 6)),
        shift_boxes(boxes, 1, 2),
        flip_boxes(boxes, 9),
        boxes_to_original(boxes, (0, 0, 9, 9), (4, 4)),
        boxes_from_original(boxes, (0, 0, 9, 9), (4, 4)),
    ):
        assert found.dtype == np.float64
    assert resize_boxes(boxes, (3, 4), (5, 6)).tolist() == [[5 / 3, 3, 5, 7.5]]


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


def exact_place(value, old: int, new: int, offset: int) -> Fraction:
    """A place of the view in the original picture, without any rounding."""
    return (Fraction(value) + offset) * old / new


def view_box_of(size, new_size, offset, view) -> tuple[float, ...]:
    left, top = offset
    whole = (0, 0, *size)
    return crop_view_box(whole, new_size, (left, top, left + view[0], top + view[1]))


@pytest.mark.parametrize(
    ('size', 'new_size', 'offset', 'view'),
    [
        ((500, 375), (256, 256), (16, 16), (224, 224)),
        ((97, 1021), (256, 256), (16, 16), (224, 224)),
        ((333, 250), (224, 224), (0, 0), (224, 224)),
        ((640, 481), (300, 280), (5, 40), (200, 224)),
        ((96, 96), (96, 96), (0, 0), (96, 96)),
    ],
)
def test_boxes_of_the_view_in_the_original_picture(size, new_size, offset, view):
    rng = np.random.default_rng(0)
    x = np.sort(rng.integers(0, view[0] + 1, (200, 2)), axis=1)
    y = np.sort(rng.integers(0, view[1] + 1, (200, 2)), axis=1)
    boxes = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
    boxes[0] = 0, 0, *view
    view_box = view_box_of(size, new_size, offset, view)
    found = boxes_to_original(boxes, view_box, view)
    expected = [
        [float(exact_place(int(v), size[k % 2], new_size[k % 2], offset[k % 2])) for k, v in pairs]
        for pairs in map(enumerate, boxes)
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    # And back: to the very same pixels.
    again = boxes_from_original(found, view_box, view)
    np.testing.assert_allclose(again, boxes, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(again.round(), boxes)


def test_painted_boxes_are_found_in_the_original_picture():
    """What is painted in the original, whole cells of a grid, lies where the view's box says."""
    rng = np.random.default_rng(2)
    for _ in range(30):
        # Each pixel of the resized picture is a cell of the original.
        cell_x, cell_y = rng.integers(1, 6, 2).tolist()
        resized_w, resized_h = rng.integers(12, 30, 2).tolist()
        left, top = rng.integers(0, 5, 2).tolist()
        view_w, view_h = resized_w - left - 3, resized_h - top - 2
        x0, x1 = np.sort(rng.choice(view_w + 1, 2, replace=False)).tolist()
        y0, y1 = np.sort(rng.choice(view_h + 1, 2, replace=False)).tolist()
        resized = np.zeros((resized_h, resized_w), bool)
        resized[top + y0 : top + y1, left + x0 : left + x1] = True
        original = resized.repeat(cell_y, axis=0).repeat(cell_x, axis=1)
        size = (original.shape[1], original.shape[0])
        view_box = view_box_of(size, (resized_w, resized_h), (left, top), (view_w, view_h))
        ((u0, v0, u1, v1),) = boxes_to_original([[x0, y0, x1, y1]], view_box, (view_w, view_h))
        rows, columns = np.flatnonzero(original.any(1)), np.flatnonzero(original.any(0))
        assert [u0, v0, u1, v1] == pytest.approx(
            [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], abs=1e-10
        )


def test_a_predicted_box_ends_where_its_picture_ends():
    view, view_box = (36, 32), (3.4, 0, 34, 30)
    whole = boxes_to_original([[0, 0, *view]], view_box, view)
    assert whole[0, 2] > 34  # by the last place
    assert box_in_picture((0, 0, *view), view_box, view, (34, 30)) == (3.4, 0, 34, 30)
    # Other boxes are those of boxes_to_original.
    box = (4, 8, 20, 16)
    found = boxes_to_original([box], view_box, view)[0].tolist()
    assert box_in_picture(np.array(box), view_box, view, (34, 30)) == tuple(found)
    # A view may be larger than its picture, on all sides.
    assert box_in_picture((0, 0, 9, 9), (-1, -2, 8, 7), (9, 9), (6, 5)) == (0, 0, 6, 5)
    # What lies in its border has no area in the picture.
    assert box_in_picture((0, 0, 1, 9), (-5, -5, 4, 4), (9, 9), (6, 5)) == (0, 0, 0, 4)
    assert box_in_picture((8, 8, 9, 9), (0, 0, 9, 9), (9, 9), (6, 5)) == (6, 5, 6, 5)


def test_a_mirrored_view():
    size, view = (200, 100), (50, 50)
    mirrored = crop_view_box((0, 0, *size), size, (size[0], 0, 0, size[1]))
    assert mirrored == (200, 0, 0, 100)
    # The first quarter of the mirrored picture is the last one of the original.
    found = boxes_to_original([[0, 10, 12.5, 50]], mirrored, view)
    assert found.tolist() == [[150, 20, 200, 100]]
    assert boxes_from_original(found, mirrored, view).tolist() == [[0, 10, 12.5, 50]]
    # Of a view that is the picture a crop lies where it says.
    assert crop_view_box(None, (200, 100), (5, 6, 25, 26)) == (5, 6, 25, 26)
    # A crop of the mirrored one: its first column is at the right of the original.
    assert crop_view_box(mirrored, view, (5, 5, 25, 25)) == (180, 10, 100, 50)
