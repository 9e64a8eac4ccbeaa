"""Drawing on arrays."""

import cv2
import numpy as np
import pytest

from bas_mm.visualization.functional import (
    PREDICTED_COLOR,
    TRUE_COLOR,
    add_caption,
    draw_boxes,
    draw_comparison,
    enlarge,
    last_inside,
    overlay_map,
    side_by_side,
)


def where(image, color):
    """x0, y0, x1, y1 of all pixels of a colour, corners inside."""
    ys, xs = np.nonzero((image == np.array(color)).all(axis=2))
    return [xs.min(), ys.min(), xs.max(), ys.max()]


def test_small_pictures_grow_by_a_whole_factor():
    image = np.random.RandomState(0).randint(0, 255, (96, 80, 3), dtype=np.uint8)
    large, factor = enlarge(image)
    assert factor == 3
    assert large.shape == (288, 240, 3)
    np.testing.assert_array_equal(large[1::3, 2::3], image)
    # A line of pixels does not become a wall.
    for width, expected in ((900, 2), (1025, 1), (5000, 1)):
        line = np.zeros((1, width, 3), np.uint8)
        assert enlarge(line)[1] == expected
        assert enlarge(line)[0].shape == (expected, width * expected, 3)
    same, factor = enlarge(large)
    assert factor == 1
    np.testing.assert_array_equal(same, large)


def test_overlay_is_red_at_the_maximum_and_blue_at_the_minimum():
    image = np.full((40, 60, 3), 100, np.uint8)
    m = np.zeros((4, 6))
    m[0, 0], m[3, 5] = -2, 5
    overlay = overlay_map(image, m, alpha=1.0)
    assert overlay.shape == image.shape
    assert overlay.dtype == np.uint8
    red, blue = overlay[-1, -1], overlay[0, 0]
    assert red[0] > 100
    assert red[2] == 0
    assert blue[2] > 100
    assert blue[0] == 0
    np.testing.assert_array_equal(overlay_map(image, m, alpha=0.0), image)


def test_overlay_of_constant_and_bad_maps():
    image = np.zeros((8, 8, 3), np.uint8)
    overlay = overlay_map(image, np.ones((4, 4)))
    assert (overlay == overlay[0, 0]).all()
    with pytest.raises(ValueError, match='NaN'):
        overlay_map(image, np.full((4, 4), np.nan))


def test_boxes_lie_on_their_own_pixels():
    image = np.full((60, 80, 3), 9, np.uint8)
    drawn = draw_boxes(image, np.array([[10, 20, 40, 50]]), TRUE_COLOR)
    assert where(drawn, TRUE_COLOR) == [10, 20, 40, 50]
    assert (image == 9).all(), 'the input is not changed'
    assert (drawn[30, 25] == 9).all(), 'the inside is not filled'


def test_boxes_of_enlarged_pictures_cover_whole_blocks():
    drawn = draw_boxes(np.zeros((90, 90, 3), np.uint8), [[2, 3, 10, 12]], (255, 0, 0), scale=3)
    assert where(drawn, (255, 0, 0)) == [6, 9, 32, 38]


def test_boxes_at_and_beyond_the_edge_stay_visible():
    drawn = draw_boxes(np.zeros((50, 50, 3), np.uint8), [[-5, 0, 49, 80]], TRUE_COLOR)
    assert where(drawn, TRUE_COLOR) == [0, 0, 49, 49]


def test_no_box_and_tiny_box():
    image = np.zeros((20, 20, 3), np.uint8)
    np.testing.assert_array_equal(draw_boxes(image, np.zeros((0, 4)), TRUE_COLOR), image)
    assert where(draw_boxes(image, [[5, 6, 5, 6]], TRUE_COLOR), TRUE_COLOR) == [5, 6, 5, 6]


def test_last_inside_changes_a_copy():
    boxes = np.array([[0, 0, 224, 224]])
    np.testing.assert_array_equal(last_inside(boxes), [[0, 0, 223, 223]])
    np.testing.assert_array_equal(boxes, [[0, 0, 224, 224]])


def test_caption_stays_below_and_inside():
    image = np.full((30, 100, 3), 7, np.uint8)
    captioned = add_caption(image, ['a very long class name that has no room at all', 'ünï'])
    np.testing.assert_array_equal(captioned[:30], image)
    strip = captioned[30:]
    assert strip.shape[1] == 100
    assert (strip < 128).any()
    assert (strip[:, -2:] == 255).all(), 'the text ends before the border'
    assert add_caption(image, ['x'], 2).shape == captioned.shape


def test_side_by_side_keeps_every_panel():
    a, b = np.full((10, 5, 3), 1, np.uint8), np.full((20, 8, 3), 2, np.uint8)
    row = side_by_side([a, b], gap=4)
    assert row.shape == (20, 17, 3)
    np.testing.assert_array_equal(row[:10, :5], a)
    np.testing.assert_array_equal(row[:, 9:], b)
    assert (row[10:, :5] == 255).all()
    with pytest.raises(ValueError, match='no panel'):
        side_by_side([])


def test_comparison_shows_each_methods_box():
    view = np.zeros((112, 112, 3), np.uint8)
    methods = {
        'CAM': {'map': np.eye(14), 'boxes': [[10, 10, 30, 30]], 'caption': 'IoU 0.10'},
        'BAS': {'map': np.ones((28, 28)), 'boxes': [[0, 0, 112, 112]]},
    }
    row = draw_comparison(view, [[20, 20, 59, 79]], methods, title='otter')
    first, second, third = (row[:224, i * 230 : i * 230 + 224] for i in range(3))
    for panel in (first, second):
        assert where(panel, TRUE_COLOR) == [40, 40, 119, 159]
    assert not (first == PREDICTED_COLOR).all(axis=2).any()
    assert where(second, PREDICTED_COLOR) == [20, 20, 59, 59]
    assert where(third, PREDICTED_COLOR) == [0, 0, 223, 223]
    assert cv2.imencode('.png', row)[0]
