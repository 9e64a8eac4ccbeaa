"""Drawing on arrays."""

import cv2
import numpy as np
import pytest

from bas_mm.apis.picture_inferencer import shrink
from bas_mm.visualization import functional
from bas_mm.visualization.functional import (
    DRAWN_SIDE,
    PREDICTED_COLOR,
    TRUE_COLOR,
    add_caption,
    color_map,
    cut_view,
    draw_boxes,
    draw_comparison,
    enlarge,
    input_view,
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
    for width, expected in ((300, 2), (321, 1), (5000, 1)):
        line = np.zeros((1, width, 3), np.uint8)
        assert enlarge(line)[1] == expected
        assert enlarge(line)[0].shape == (expected, width * expected, 3)
    same, factor = enlarge(large)
    assert factor == 1
    np.testing.assert_array_equal(same, large)
    # As low as 224 pixels, and no lower.
    assert [enlarge(np.zeros((h, 9, 3), np.uint8))[1] for h in (223, 224)] == [2, 1]


@pytest.mark.parametrize(('order', 'step'), [('bgr', -1), ('rgb', 1)])
def test_view_is_rgb_and_the_centre_one_of_ten_crops(order, step):
    crops = np.arange(10 * 3 * 2 * 4, dtype=np.uint8).reshape(10, 3, 2, 4)
    for inputs in (crops, crops[4]):
        view = input_view(inputs, order)
        np.testing.assert_array_equal(view, crops[4, ::step].transpose(1, 2, 0))
        assert view.flags.c_contiguous


@pytest.mark.parametrize('inputs', [np.zeros((2, 4), np.uint8), np.zeros((3, 2, 4), np.float32)])
def test_what_is_no_view(inputs):
    with pytest.raises(ValueError, match=f'uint8 inputs .*, got {inputs.dtype} '):
        input_view(inputs)


def test_a_view_is_cut_out_of_its_picture():
    """As by an interpolation that looks up the four pixels around each place."""
    image = np.random.RandomState(0).randint(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(cut_view(image, (0, 0, 30, 20), (20, 30)), image)
    np.testing.assert_array_equal(cut_view(image, (5, 2, 15, 12), (10, 10)), image[2:12, 5:15])
    mirrored = cut_view(image, (30.0, 0.0, 0.0, 20.0), (20, 30))
    np.testing.assert_array_equal(mirrored, image[:, ::-1])
    view = cut_view(image, (4, 3, 24, 15), (9, 16))
    assert view.shape == (9, 16, 3)
    for y, x in np.ndindex(9, 16):
        down, across = 3 + (y + 0.5) * 12 / 9 - 0.5, 4 + (x + 0.5) * 20 / 16 - 0.5
        (top, left), expected = (int(down), int(across)), np.zeros(3)
        for row, column in np.ndindex(2, 2):
            weight = abs(1 - row - (down - top)) * abs(1 - column - (across - left))
            expected += weight * image[top + row, left + column]
        # OpenCV has 32 places between two pixels.
        assert abs(view[y, x] - expected).max() < 10
    assert not cut_view(image, (30, 0, 60, 20), (20, 30))[:, 1:].any()


def test_maps_are_normalised_then_resized():
    """Between pixels the greatest value is lost, and stays lost: the boxes are of that map."""
    scale = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_JET)
    m = np.array([[2.0, 5.0, 2.0]])
    expected = scale.reshape(256, 3)[[[0, 64, 191, 191, 64, 0]], ::-1]
    np.testing.assert_array_equal(color_map(m, (1, 6)), expected)
    overlay = overlay_map(np.zeros((1, 6, 3), np.uint8), m, 1.0)
    np.testing.assert_array_equal(overlay, expected)


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
    # Two pixels inwards, and a dark rim on both sides.
    grey, rim = (9, 9, 9), (0, 0, 0)
    across = [tuple(pixel) for pixel in drawn[30, 8:14].tolist()]
    assert across == [grey, rim, TRUE_COLOR, TRUE_COLOR, rim, grey]


def test_boxes_of_enlarged_pictures_cover_whole_blocks():
    drawn = draw_boxes(np.zeros((90, 90, 3), np.uint8), [[2, 3, 10, 12]], (255, 0, 0), scale=3)
    assert where(drawn, (255, 0, 0)) == [6, 9, 32, 38]


def test_boxes_at_and_beyond_the_edge_stay_visible():
    drawn = draw_boxes(np.zeros((50, 50, 3), np.uint8), [[-5, 0, 49, 80]], TRUE_COLOR)
    assert where(drawn, TRUE_COLOR) == [0, 0, 49, 49]
    for edge in (drawn[0], drawn[49], drawn[:, 0], drawn[:, 49]):
        assert (edge == TRUE_COLOR).all()


def test_no_box_and_tiny_box():
    image = np.zeros((20, 20, 3), np.uint8)
    np.testing.assert_array_equal(draw_boxes(image, np.zeros((0, 4)), TRUE_COLOR), image)
    for box in ([5, 6, 5, 6], [5, 6, 15, 6], [5, 6, 5, 16]):
        assert where(draw_boxes(image, [box], TRUE_COLOR), TRUE_COLOR) == box


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
    np.testing.assert_array_equal(add_caption(image, ['ünï']), add_caption(image, ['?n?']))


def test_each_line_has_its_place():
    image = np.full((30, 100, 3), 7, np.uint8)
    x, y, both = (add_caption(image, lines)[30:] for lines in (['x'], ['y'], ['x', 'y']))
    np.testing.assert_array_equal(both[:21], x[:21])
    np.testing.assert_array_equal(both[21:], y[4:])
    # More lines than there was to be room for.
    np.testing.assert_array_equal(add_caption(image, ['x', 'y'], 1)[30:], both)


def test_square_of_a_colour_stands_before_the_text():
    image, color = np.full((30, 100, 3), 7, np.uint8), (200, 0, 90)
    strip = add_caption(image, [('a name that has no room at all', color)])[30:]
    assert (strip[8:16, 5:13] == color).all()
    assert where(strip, color) == [5, 8, 12, 15]
    assert (strip[:, 18:] < 128).any()
    assert (strip[:, -2:] == 255).all(), 'the text ends before the border'


def test_wide_text_shrinks_by_a_quarter_at_most_and_is_cut():
    font, text = cv2.FONT_HERSHEY_SIMPLEX, 'blue-winged warbler'
    smallest = 0.45 * 0.75
    for shown, size in (
        *((text, size) for size in (0.45, 0.45 * 0.85, smallest)),
        *((text[:kept] + '..', smallest) for kept in (9, 1, 0)),
    ):
        width = cv2.getTextSize(shown, font, size, 1)[0][0] + 2 * 4
        strip = np.full((25, width, 3), 255, np.uint8)
        cv2.putText(strip, shown, (4, 16), font, size, (0, 0, 0), 1, cv2.LINE_AA)
        captioned = add_caption(np.zeros((5, width, 3), np.uint8), [text])
        np.testing.assert_array_equal(captioned[5:], strip)
    # Where even the dots are too wide.
    assert add_caption(np.zeros((5, 6, 3), np.uint8), [text]).shape == (30, 6, 3)


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


def test_captions_of_a_comparison(captions_of):
    said = captions_of(functional)
    methods = {
        'CAM': {'map': np.eye(14), 'boxes': [[10, 10, 30, 30]], 'caption': 'IoU 0.10'},
        'PSOL': {'map': np.eye(14)},
    }
    true = ('true box', TRUE_COLOR)
    for title, first in (('otter', 'otter'), ('', 'picture')):
        draw_comparison(np.zeros((112, 112, 3), np.uint8), [[20, 20, 59, 79]], methods, title)
        # All of them with room for as many lines.
        expected = [[first, true], [('CAM', PREDICTED_COLOR), 'IoU 0.10'], ['PSOL']]
        assert said == [(lines, 2) for lines in expected]
        said.clear()
    # Without a true box there is none to explain.
    draw_comparison(np.zeros((112, 112, 3), np.uint8), np.zeros((0, 4)), methods, 'otter')
    assert said[0] == (['otter'], 2)


def test_panels_of_a_comparison():
    view = np.random.RandomState(0).randint(0, 255, (224, 40, 3), dtype=np.uint8)
    row = draw_comparison(view, [], {'CAM': {'map': np.eye(14)}})
    np.testing.assert_array_equal(row[:224, :40], view)
    np.testing.assert_array_equal(row[:224, 46:], overlay_map(view, np.eye(14), 0.5))


def test_shrunk_and_enlarged_pictures_have_one_limit():
    large = np.zeros((3 * DRAWN_SIDE, DRAWN_SIDE, 3), np.uint8)
    assert shrink(large).shape[:2] == (DRAWN_SIDE, round(DRAWN_SIDE / 3))
    assert shrink(large[:DRAWN_SIDE]).shape == (DRAWN_SIDE, DRAWN_SIDE, 3)
    assert enlarge(large[:10, : DRAWN_SIDE // 2])[0].shape[1] == DRAWN_SIDE
    assert enlarge(large[:10, : DRAWN_SIDE // 2 + 1])[1] == 1
