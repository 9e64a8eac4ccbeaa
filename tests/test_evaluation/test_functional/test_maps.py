"""Normalisation and resize of maps."""

import cv2
import numpy as np
import pytest

from bas_mm.evaluation.functional import map_to_original, normalize_map, resize_map


def test_formula():
    m = np.array([[-1.0, 0.0], [1.0, 3.0]], np.float32)
    np.testing.assert_allclose(normalize_map(m), (m + 1) / (4 + 1e-5), rtol=1e-6)
    assert normalize_map(m).dtype == np.float32
    # Where a map spans as much as the epsilon, the epsilon is half of the sum.
    np.testing.assert_allclose(normalize_map(np.array([[0, 1e-5]])), [[0, 0.5]], rtol=1e-6)
    # It is lost where a map spans much.
    assert normalize_map(np.array([[0, 1000]])).max() == 1


def test_scaling_a_map_changes_nothing_but_the_epsilon():
    m = np.random.RandomState(0).rand(28, 28)
    np.testing.assert_allclose(normalize_map(m), normalize_map(m * 7 + 3), atol=2e-5)


@pytest.mark.parametrize('kind', [np.float64, np.int64])
def test_a_map_far_from_zero_keeps_its_differences(kind):
    # float32 knows the multiples of 128 there, and no other number.
    m = (2.0**30 + np.array([[0, 1], [2, 4]])).astype(kind)
    expected = np.array([[0, 0.25], [0.5, 1]])
    np.testing.assert_allclose(normalize_map(m), expected, atol=1e-5)
    assert normalize_map(m).dtype == np.float32


def test_a_float32_map_and_its_float64_copy_are_one():
    m = np.random.RandomState(0).randn(28, 28).astype(np.float32)
    np.testing.assert_array_equal(normalize_map(m), normalize_map(m.astype(np.float64)))
    # As the formula reads in float32, to the last bit.
    low, high = m.min(), m.max()
    np.testing.assert_array_equal(normalize_map(m), (m - low) / (high - low + np.float32(1e-5)))


def test_large_float64_values_are_not_taken_for_infinite_ones():
    with pytest.raises(ValueError, match=r'values from 0 to 1e\+46: too far apart'):
        normalize_map(np.array([[0, 1e46]]))


def test_constant_map_is_zero():
    np.testing.assert_array_equal(normalize_map(np.full((4, 5), 0.3)), np.zeros((4, 5)))


@pytest.mark.parametrize('value', [3e38, np.float64(1e300)])
def test_a_range_without_a_float32_is_refused(value):
    with np.errstate(over='ignore'), pytest.raises(ValueError, match='too far apart|infinite'):
        normalize_map(np.array([[value, -value], [0, 0]]))


@pytest.mark.parametrize(('value', 'message'), [(np.nan, 'NaN'), (np.inf, 'infinite')])
def test_not_finite(value, message):
    m = np.zeros((28, 28), np.float32)
    m[3, 4] = value
    with pytest.raises(ValueError, match=message):
        normalize_map(m)


@pytest.mark.parametrize('shape', [(28,), (1, 28, 28), (0, 28)])
def test_wrong_shape(shape):
    with pytest.raises(ValueError, match='shape'):
        normalize_map(np.zeros(shape))


def test_resize_takes_height_then_width():
    m = np.random.RandomState(0).rand(7, 9).astype(np.float32)
    view = resize_map(m, (30, 50))
    assert view.shape == (30, 50)
    assert view.dtype == np.float32
    np.testing.assert_array_equal(view, cv2.resize(m, (50, 30), interpolation=cv2.INTER_LINEAR))


def test_resize_is_half_pixel_bilinear():
    # Twice the size: new centres lie a quarter of a pixel from the old ones.
    view = resize_map(np.array([[0.0, 1.0]], np.float32), (1, 4))
    np.testing.assert_allclose(view, [[0, 0.25, 0.75, 1]], atol=1e-6)


def slow_map_to_original(view_map, view_box, size):
    """Pixel by pixel: where its centre falls among the centres of the view's pixels."""
    height, width = view_map.shape
    x0, y0, x1, y1 = view_box
    result = np.zeros(size)
    for row in range(size[0]):
        for column in range(size[1]):
            x = (column + 0.5 - x0) / (x1 - x0) * width
            y = (row + 0.5 - y0) / (y1 - y0) * height
            if not (0 <= x <= width and 0 <= y <= height):
                continue
            x, y = min(max(x - 0.5, 0), width - 1), min(max(y - 0.5, 0), height - 1)
            for j, v in ((int(y), 1 - y % 1), (int(y) + 1, y % 1)):
                for i, u in ((int(x), 1 - x % 1), (int(x) + 1, x % 1)):
                    if u and v:
                        result[row, column] += u * v * view_map[j, i]
    return result


@pytest.mark.parametrize(
    ('view_box', 'size'),
    [
        ((31.25, 25.0, 468.75, 375.0), (40, 500)),  # larger than the view, and cropped
        ((1.5, 0.75, 10.5, 7.25), (8, 12)),  # smaller than it
        ((11.0, 0.0, 0.0, 9.0), (9, 11)),  # mirrored
        ((-4.0, 2.0, 30.0, 8.0), (9, 11)),  # beyond the picture
    ],
)
def test_map_to_original_is_bilinear_between_centres(view_box, size):
    view_map = np.random.default_rng(0).random((16, 14)).astype(np.float32)
    ours = map_to_original(view_map, view_box, size)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, slow_map_to_original(view_map, view_box, size), atol=1e-6)


def test_map_to_original_of_the_whole_picture():
    view_map = np.random.default_rng(1).random((9, 14)).astype(np.float32)
    np.testing.assert_array_equal(map_to_original(view_map, (0, 0, 14, 9), (9, 14)), view_map)
    mirrored = map_to_original(view_map, (14, 0, 0, 9), (9, 14))
    np.testing.assert_array_equal(mirrored, view_map[:, ::-1])
    # As OpenCV resizes, whose pixels have their centres at halves too.
    larger = map_to_original(view_map, (0, 0, 70, 36), (36, 70))
    np.testing.assert_allclose(larger, resize_map(view_map, (36, 70)), atol=1e-6)


def test_map_to_original_of_a_view_beside_the_picture():
    assert not map_to_original(np.ones((4, 4), np.float32), (20, 20, 30, 30), (8, 8)).any()


@pytest.mark.parametrize('kind', [np.float16, np.int8, np.uint8])
def test_a_map_of_a_small_type_is_that_of_its_numbers(kind):
    # Differences of its own type would be rounded, or wrap round.
    m = np.array([[0.1, 100], [33.3, 7]]).astype(kind)
    if kind == np.int8:
        m[0, 0] = -100
    np.testing.assert_array_equal(normalize_map(m), normalize_map(m.astype(np.float32)))


@pytest.mark.parametrize('kind', [np.float64, np.float16])
def test_resized_maps_are_float32_and_as_large_as_the_usual_view(kind):
    m = np.random.default_rng(2).random((7, 9)).astype(kind)
    view = resize_map(m)
    assert view.dtype == np.float32
    expected = cv2.resize(m.astype(np.float32), (224, 224), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(view, expected)
