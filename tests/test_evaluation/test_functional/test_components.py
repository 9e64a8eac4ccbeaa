"""The largest component's box against an independent flood fill."""

from collections import deque

import numpy as np
import pytest

from bas_mm.evaluation.functional import largest_component_box


def flood_fill_box(view_map, threshold):
    """Breadth-first search in raster order: slow, obvious, and with nothing of OpenCV in it."""
    above = view_map > np.float32(threshold)
    height, width = above.shape
    seen = np.zeros_like(above)
    best_size, best_box = 0, [0, 0, width, height]
    for y, x in np.argwhere(above):
        if seen[y, x]:
            continue
        seen[y, x] = True
        queue, pixels = deque([(y, x)]), []
        while queue:
            cy, cx = queue.popleft()
            pixels.append((cy, cx))
            for ny in range(max(cy - 1, 0), min(cy + 2, height)):
                for nx in range(max(cx - 1, 0), min(cx + 2, width)):
                    if above[ny, nx] and not seen[ny, nx]:
                        seen[ny, nx] = True
                        queue.append((ny, nx))
        if len(pixels) > best_size:  # strict: of equal ones the first in raster order stays
            ys, xs = zip(*pixels)
            best_size = len(pixels)
            best_box = [min(xs), min(ys), max(xs) + 1, max(ys) + 1]
    return best_box


def test_equals_flood_fill_on_noise():
    rng = np.random.RandomState(0)
    for _ in range(300):
        shape = rng.randint(1, 24, 2)
        view = rng.rand(*shape).astype(np.float32)
        # From nearly full to isolated pixels: the latter are full of ties.
        threshold = rng.choice([0.05, 0.3, 0.6, 0.8, 0.9, 0.97])
        np.testing.assert_array_equal(
            largest_component_box(view, threshold), flood_fill_box(view, threshold)
        )


def test_tie_goes_to_the_first_pixel_in_raster_order():
    # The left one starts a row below the right one: first by column, second by raster order.
    # Both lie in one row of OpenCV's 2x2 blocks, where its labels follow the columns.
    view = np.zeros((8, 12), np.float32)
    view[1:4, 0:2] = 1
    view[0:3, 6:8] = 1
    np.testing.assert_array_equal(largest_component_box(view, 0.5), [6, 0, 8, 3])
    view = np.zeros((8, 12), np.float32)
    view[0:3, 0:2] = 1
    view[0:2, 6:9] = 1
    np.testing.assert_array_equal(largest_component_box(view, 0.5), [0, 0, 2, 3])


def test_first_pixel_is_not_the_corner_of_the_box():
    # Two rising diagonals of four pixels: each one's first pixel is its top right one.
    view = np.zeros((6, 12), np.float32)
    for i in range(4):
        view[3 - i, i] = 1
        view[4 - i, 6 + i] = 1
    np.testing.assert_array_equal(largest_component_box(view, 0.5), [0, 0, 4, 4])


def test_diagonal_neighbours_are_connected():
    view = np.zeros((10, 10), np.float32)
    view[range(2, 8), range(2, 8)] = 1
    view[0, 5:9] = 1  # four in a row: fewer than the six on the diagonal
    np.testing.assert_array_equal(largest_component_box(view, 0.5), [2, 2, 8, 8])


def test_largest_by_pixels_not_by_box():
    view = np.zeros((20, 20), np.float32)
    view[0, 0:12] = view[0:12, 0] = 1  # 23 pixels in a box of 144
    view[14:19, 14:19] = 1  # 25 pixels in a box of 25
    np.testing.assert_array_equal(largest_component_box(view, 0.5), [14, 14, 19, 19])


@pytest.mark.parametrize('value', [0.0, 0.5])
def test_nothing_above_gives_the_whole_picture(value):
    view = np.full((30, 40), value, np.float32)
    np.testing.assert_array_equal(largest_component_box(view, 0.5), [0, 0, 40, 30])


def test_full_map_gives_the_whole_picture():
    np.testing.assert_array_equal(
        largest_component_box(np.ones((30, 40), np.float32), 0.5), [0, 0, 40, 30]
    )


def test_threshold_is_strict_in_float32():
    view = np.zeros((6, 6), np.float32)
    view[2, 3] = np.float32(0.1)  # greater than 0.1 in float64, equal to it in float32
    np.testing.assert_array_equal(largest_component_box(view, 0.1), [0, 0, 6, 6])
    view[2, 3] = np.nextafter(np.float32(0.1), np.float32(1))
    np.testing.assert_array_equal(largest_component_box(view, 0.1), [3, 2, 4, 3])


@pytest.mark.parametrize(
    ('rows', 'columns', 'box'),
    [
        (slice(0, 2), slice(0, 3), [0, 0, 3, 2]),
        (slice(4, 6), slice(5, 8), [5, 4, 8, 6]),
        (slice(5, 6), slice(0, 8), [0, 5, 8, 6]),
        (slice(0, 6), slice(7, 8), [7, 0, 8, 6]),
    ],
)
def test_components_at_the_border(rows, columns, box):
    view = np.zeros((6, 8), np.float32)
    view[rows, columns] = 0.9
    result = largest_component_box(view, 0.5)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, box)
