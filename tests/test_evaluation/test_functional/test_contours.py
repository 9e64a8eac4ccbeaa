"""Boxes of all levels at once against one search for contours per level."""

from itertools import product

import cv2
import numpy as np
import pytest

from bas_mm.evaluation.functional import (
    contour_boxes,
    contours,
    level_boxes,
    level_components,
    protocol_b_map,
)


def make_values(kind, rng):
    """A picture of the grey values of one kind, of random size."""
    height, width = (int(side) for side in rng.integers(1, 41, 2))
    if kind == 'noise':
        view = rng.random((height, width))
    elif kind == 'smooth':
        view = cv2.GaussianBlur(rng.random((height, width)), (0, 0), rng.uniform(0.7, 4))
        view, _ = protocol_b_map(view, (height, width))
    elif kind == 'cells':
        view, _ = protocol_b_map(rng.random((height // 4 + 1, width // 4 + 1)), (height, width))
    elif kind == 'stairs':
        view = np.round(rng.random((height // 5 + 1, width // 5 + 1)) * 5)
        view, _ = protocol_b_map(view, (height, width))
    elif kind == 'clipped':  # plateaus at the bottom and at the top
        view = rng.random((height // 5 + 1, width // 5 + 1))
        view = np.clip(protocol_b_map(view, (height, width))[0] - 0.3, 0, 0.4)
    elif kind == 'quantised':
        view = rng.integers(0, 6, (height, width)) / 8
    elif kind == 'symmetric':  # ties of the area
        view = cv2.GaussianBlur(rng.random((height, width)), (0, 0), 1.2)
        view = view + view[:, ::-1]
        view, _ = protocol_b_map(view, (height, width))
    elif kind == 'rings':
        y, x = np.mgrid[0:height, 0:width] - rng.uniform(0, 40, 2)[:, None, None]
        view = np.sin(np.hypot(y, x) * rng.uniform(0.2, 3)) / 2 + 0.5
        view = np.clip(view + rng.choice([0, 0.1]) * rng.random((height, width)), 0, 1)
    elif kind == 'lines':
        view = np.zeros((height, width))
        for _ in range(int(rng.integers(1, 12))):
            (y0, x0), (y1, x1) = rng.integers(0, (height, width), (2, 2)).tolist()
            mask = np.zeros((height, width), np.uint8)
            draw = cv2.line if rng.random() < 0.6 else cv2.rectangle
            draw(mask, (x0, y0), (x1, y1), 1)
            view[mask > 0] = rng.choice([0.2, 0.5, 0.8, 1.0])
    return view * 255


def assert_equal_at_all_levels(values):
    """All boxes of each level, and the one of the largest contour."""
    found = level_boxes(values)
    gray = values.astype(np.uint8)
    assert len(found.largest) == gray.max()
    for level in range(int(gray.max())):
        if not level or (gray == level).any():
            direct = contour_boxes((gray > level).view(np.uint8))
        own = found.boxes[found.levels == level]
        assert sorted(own.tolist()) == sorted(direct.boxes.tolist())
        assert found.largest[level].tolist() == direct.boxes[direct.largest].tolist()


@pytest.mark.parametrize(
    'kind',
    [
        'noise',
        'smooth',
        'cells',
        'stairs',
        'clipped',
        'quantised',
        'symmetric',
        'rings',
        'lines',
    ],
)
def test_equal_to_a_search_at_every_level(kind):
    rng = np.random.default_rng(sum(map(ord, kind)))
    count = 0
    while count < 12:
        values = make_values(kind, rng)
        if values.max() >= 1:
            assert_equal_at_all_levels(values)
            count += 1


@pytest.mark.parametrize(
    ('shape', 'greys'), [((1, 5), 3), ((5, 1), 3), ((2, 2), 4), ((3, 3), 2), ((2, 3), 3)]
)
def test_every_small_picture_of_a_few_greys(shape, greys):
    """Equal neighbours and borders on all sides, in all ways."""
    for pixels in product(range(greys), repeat=shape[0] * shape[1]):
        if any(pixels):
            assert_equal_at_all_levels(np.reshape(pixels, shape).astype(np.float64))


def test_at_the_view():
    rng = np.random.default_rng(5)
    for m in (rng.random((7, 7)), cv2.GaussianBlur(rng.random((28, 28)), (0, 0), 2.0)):
        assert_equal_at_all_levels(protocol_b_map(m, (224, 224))[0] * 255)


def test_pictures_larger_than_16_bits_of_pixels_and_8_bits_of_side():
    rng = np.random.default_rng(6)
    view, _ = protocol_b_map(rng.random((5, 12)), (200, 400))
    assert_equal_at_all_levels(np.round(view * 20))


def test_many_basins():
    """More of them than a dense table of pairs is made for, and than 16 bits number."""
    rng = np.random.default_rng(7)
    values = rng.integers(0, 4, (100, 90)).astype(np.float64)
    assert_equal_at_all_levels(values)
    single = np.zeros((514, 514))
    single[::2, ::2] = rng.integers(1, 3, (257, 257))
    assert_equal_at_all_levels(single)


def test_what_is_behind_the_point_changes_nothing():
    rng = np.random.default_rng(8)
    for _ in range(5):
        values = protocol_b_map(rng.random((5, 6)), (40, 50))[0] * 255
        rough = level_boxes(np.floor(values))
        fine = level_boxes(values)
        order = [np.lexsort((*found.boxes.T, found.levels)) for found in (rough, fine)]
        np.testing.assert_array_equal(rough.boxes[order[0]], fine.boxes[order[1]])
        np.testing.assert_array_equal(rough.largest, fine.largest)


def test_hardly_any_level_of_a_usual_map_is_searched(monkeypatch):
    searched = []
    search = contours._search
    monkeypatch.setattr(
        contours, '_search', lambda gray, levels: searched.extend(levels) or search(gray, levels)
    )
    rng = np.random.default_rng(9)
    for _ in range(5):
        m = cv2.GaussianBlur(rng.random((28, 28)), (0, 0), 2.0)
        level_boxes(protocol_b_map(m, (224, 224))[0] * 255)
    assert len(searched) < 0.05 * 5 * 255
    # The hole of the frame is no room for the hook, whose box is as large.
    frame_and_hook = np.zeros((24, 48))
    frame_and_hook[2:22, 2:22] = frame_and_hook[2:22, 24:26] = frame_and_hook[20:22, 24:44] = 3
    frame_and_hook[5:19, 5:19] = 0
    searched.clear()
    assert_equal_at_all_levels(frame_and_hook)
    assert not searched
    # Two equal peaks: their areas are the same, and cv2's order decides.
    twins = np.zeros((20, 40))
    twins[5:9, 4:9] = twins[11:15, 20:25] = 3
    searched.clear()
    assert_equal_at_all_levels(twins)
    assert searched == [0, 1, 2]


def test_components_from_first_principles():
    """Against cv2's labelling, with both neighbourhoods."""
    rng = np.random.default_rng(10)
    gray = rng.integers(0, 5, (12, 15)).astype(np.int32)
    for diagonal in (True, False):
        found = level_components(gray << 7, diagonal=diagonal, areas=True)
        enclosed = level_components(gray << 7, diagonal=diagonal, enclosed=True)
        for level in range(4):
            binary = (gray > level).astype(np.uint8)
            _, labels, stats, _ = cv2.connectedComponentsWithStats(
                binary, connectivity=8 if diagonal else 4
            )
            boxes = stats[1:, :4] + np.concatenate([stats[1:, :2] * 0, stats[1:, :2] - 1], axis=1)
            expected = sorted(boxes.tolist())
            own = found.levels == level
            assert sorted(found.boxes[own].tolist()) == expected
            inside = [b for b in expected if b[0] and b[1] and b[2] < 14 and b[3] < 11]
            assert sorted(enclosed.boxes[enclosed.levels == level].tolist()) == inside
            corners = sum(binary[y : y + 11, x : x + 14] for y in (0, 1) for x in (0, 1))
            assert found.areas[own].sum() == (corners == 3).sum() + 2 * (corners == 4).sum()
            # Which component each pixel is of, and where the first row of each one is.
            places = found.places[found.labels, level + 1]
            for label, box in enumerate(boxes.tolist(), 1):
                (place,) = set(places[labels == label].tolist())
                assert found.levels[place] == level
                assert found.boxes[place].tolist() == box
                y, x = divmod(int(found.topmost[place]), 15)
                assert labels[y, x] == label
                assert y == box[1]


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        (np.zeros((0, 4)), r'\(H, W\)'),
        (np.ones(4), r'\(H, W\)'),
        (np.full((4, 4), 0.9), 'below 1'),
        (np.full((4, 4), 256.0), '256'),
        (np.full((4, 4), -1.0), '256'),
        (np.array([[1.0, np.nan]]), '256'),
    ],
)
def test_bad_values(values, message):
    with pytest.raises(ValueError, match=message):
        level_boxes(values)


def test_a_picture_without_a_contour():
    with pytest.raises(ValueError, match='all pixels'):
        contour_boxes(np.zeros((6, 8), np.uint8))


@pytest.mark.parametrize('kind', [np.uint8, np.float32])
def test_values_of_other_types(kind):
    values = make_values('quantised', np.random.default_rng(11)).astype(kind)
    found, expected = level_boxes(values), level_boxes(values.astype(np.float64))
    for own, other in zip(found, expected):
        np.testing.assert_array_equal(own, other)
