"""Drawing of seeds."""

import numpy as np

from bas_mm.utils.palette import colour_map
from bas_mm.visualization import seed_drawing
from bas_mm.visualization.functional import overlay_map
from bas_mm.visualization.seed_drawing import draw_seeds, lay_labels


def test_labels_are_mixed_in_and_the_background_is_left_alone():
    image = np.full((2, 3, 3), 100, np.uint8)
    labels = np.array([[0, 1, 2], [0, 0, 21]], np.uint8)
    laid = lay_labels(image, labels, alpha=0.5)
    assert (laid[labels == 0] == 100).all()
    for label in (1, 2, 21):
        expected = np.floor(50 + colour_map()[label] * 0.5)
        np.testing.assert_array_equal(laid[labels == label][0], expected)
    np.testing.assert_array_equal(lay_labels(image, labels), lay_labels(image, labels, 0.65))


def test_panels_are_the_picture_the_labels_and_each_map():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (230, 50, 3)).astype(np.uint8)
    labels = np.zeros((230, 50), np.uint8)
    labels[100:, 20:] = 4
    maps = rng.random((2, 23, 5)).astype(np.float32)
    drawing = draw_seeds('a.jpg', image, labels, maps, [1, 3], ['cat', 'dog'])
    assert drawing.shape[1] == 4 * 50 + 3 * 6
    panels = [drawing[:230, x : x + 50] for x in range(0, 218, 56)]
    expected = [image, lay_labels(image, labels), *(overlay_map(image, own) for own in maps)]
    for panel, own in zip(panels, expected, strict=True):
        np.testing.assert_array_equal(panel, own)
    # Each map's caption has its class's colour.
    for x, label in ((112, 2), (168, 4)):
        assert (drawing[230:, x : x + 50] == colour_map()[label]).all(-1).any()


def test_small_pictures_are_enlarged_with_their_labels():
    image = np.zeros((60, 40, 3), np.uint8)
    labels = np.zeros((60, 40), np.uint8)
    labels[10, 20] = 1
    drawing = draw_seeds('a', image, labels, np.zeros((0, 60, 40)), [], [])
    assert drawing.shape[1] == 2 * 160 + 6
    rows, columns = np.nonzero(drawing[:240, 166:].any(-1))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (40, 43, 80, 83)


def test_captions(captions_of):
    said = captions_of(seed_drawing)
    image, labels = np.full((60, 40, 3), 90, np.uint8), np.zeros((60, 40), np.uint8)
    maps = np.random.default_rng(0).random((2, 15, 10)).astype(np.float32)
    drawing = draw_seeds('a.jpg', image, labels, maps, [1, 3], ['cat', 'dog'])
    legend = [
        (name, tuple(colour_map()[label].tolist())) for name, label in (('cat', 2), ('dog', 4))
    ]
    # All with room for as many lines as there are classes.
    expected = [['a.jpg'], legend, *([entry] for entry in legend)]
    assert said == [(lines, 2) for lines in expected]
    assert drawing.shape[1] == 4 * 160 + 3 * 6
    large = image.repeat(4, axis=0).repeat(4, axis=1)
    np.testing.assert_array_equal(drawing[:240, 332:492], overlay_map(large, maps[0]))
    said.clear()
    draw_seeds('a.jpg', image, labels, maps[:0], [], [])
    assert said == [(['a.jpg'], 1), (['no class'], 1)]
