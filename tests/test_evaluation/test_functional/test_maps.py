"""Normalisation and resize of maps."""

import cv2
import numpy as np
import pytest

from bas_mm.evaluation.functional import normalize_map, resize_map


def test_formula():
    m = np.array([[-1.0, 0.0], [1.0, 3.0]], np.float32)
    np.testing.assert_allclose(normalize_map(m), (m + 1) / (4 + 1e-5), rtol=1e-6)
    assert normalize_map(m).dtype == np.float32


def test_scaling_a_map_changes_nothing_but_the_epsilon():
    m = np.random.RandomState(0).rand(28, 28)
    np.testing.assert_allclose(normalize_map(m), normalize_map(m * 7 + 3), atol=2e-5)


def test_constant_map_is_zero():
    np.testing.assert_array_equal(normalize_map(np.full((4, 5), 0.3)), np.zeros((4, 5)))


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
