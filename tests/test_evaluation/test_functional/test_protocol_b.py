"""Protocol B against the golden figures and against a direct implementation of the spec."""

import json

import cv2
import numpy as np
import pytest

from bas_mm.evaluation.functional import (
    PROTOCOL_B_TAUS,
    box_acc_counts,
    box_acc_figures,
    box_iou,
    protocol_b_boxes,
    protocol_b_ious,
    protocol_b_map,
)


def direct_boxes(view, tau):
    """Step 2 of the spec, word for word: (boxes of all contours, box of the largest)."""
    gray = (view * 255).astype(np.uint8)
    height, width = gray.shape
    binary = (gray > int(tau * np.max(gray))).astype(np.uint8) * 255
    contours, _ = cv2.findContours(binary, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return [[0, 0, 0, 0]], [[0, 0, 0, 0]]
    boxes = []
    for contour in contours:
        x, y, w, h = cv2.boundingRect(contour)
        boxes.append([x, y, min(x + w, width - 1), min(y + h, height - 1)])
    areas = [cv2.contourArea(contour) for contour in contours]
    return boxes, [boxes[areas.index(max(areas))]]


def direct_ious(view, gt_boxes, taus):
    rows = [direct_boxes(view, tau) for tau in taus]
    multi = [box_iou(boxes, gt_boxes).max() for boxes, _ in rows]
    single = [box_iou(box, gt_boxes).max() for _, box in rows]
    return np.array(single), np.array(multi)


def field_view(localization_map):
    """The golden figures' own way to the view: bilinear, clipped."""
    m = localization_map.astype(np.float64)
    m = (m - m.min()) / (m.max() - m.min())
    return np.clip(cv2.resize(m, (224, 224)), 0, 1)


@pytest.fixture(scope='module')
def golden(golden_dir, golden_formula):
    figures = json.loads((golden_dir / 'eval.json').read_text())
    maps, boxes, *_ = golden_formula.make_score_maps(figures['N'], figures['seed'])
    return figures['wsoleval'], [field_view(m) for m in maps], boxes


def test_golden_figures(golden):
    figures, views, boxes = golden
    ious = [protocol_b_ious(view, box) for view, box in zip(views, boxes)]
    for mode in ('single', 'multi'):
        expected = figures[mode]
        best = np.stack([getattr(item, mode) for item in ious[: expected['n']]])
        assert len(best) == expected['n']
        result = box_acc_figures(box_acc_counts(best), expected['n'])
        for d, delta in enumerate(('30', '50', '70')):
            assert result.max_box_acc[d] == pytest.approx(expected[delta], abs=1e-9)
        assert result.best[1] == expected['argmax50']
        assert result.curve[1, ::100] == pytest.approx(expected['curve50_every100'], abs=1e-9)


def make_views(kind, count, rng):
    for index in range(count):
        height, width = (int(side) for side in rng.integers(1, 33, 2))
        if kind == 'noise':
            view = rng.random((height, width))
        elif kind == 'smooth':
            view = cv2.GaussianBlur(rng.random((height + 4, width + 4)), (0, 0), 2.0)
            view, _ = protocol_b_map(view, view.shape)
        elif kind == 'levels':  # few values, and gaps between them
            view = rng.integers(0, 6, (height, width)) / rng.integers(5, 9)
        elif kind == 'binary':
            view = (rng.random((height, width)) < rng.random()) * rng.random()
        elif kind == 'constant':
            view = np.full((height, width), (0.0, 0.003, 0.004, 0.5, 1.0)[index % 5])
        elif kind == 'border':  # rings and bars that touch the border, holes within holes
            view = np.zeros((height, width))
            for inset in range(0, min(height, width) // 2, int(rng.integers(1, 4))):
                region = view[inset : height - inset, inset : width - inset]
                region[...] = rng.choice([0, 0.4, 0.6, 1.0])
            view[rng.integers(height)] = rng.random()
            view[:, rng.integers(width)] = rng.random()
        yield view


@pytest.mark.parametrize('kind', ['noise', 'smooth', 'levels', 'binary', 'constant', 'border'])
def test_equal_to_the_direct_implementation(kind):
    rng = np.random.default_rng(len(kind))
    for view in make_views(kind, 60, rng):
        height, width = view.shape
        gt = np.sort(rng.integers(0, 33, (int(rng.integers(1, 4)), 2, 2)), axis=1).reshape(-1, 4)
        taus = np.sort(rng.choice(PROTOCOL_B_TAUS, 25, replace=False))
        single, multi = direct_ious(view, gt, taus)
        result = protocol_b_ious(view, gt, taus)
        np.testing.assert_array_equal(result.single, single)
        np.testing.assert_array_equal(result.multi, multi)
        for tau in taus[::8]:
            boxes, largest = direct_boxes(view, tau)
            np.testing.assert_array_equal(protocol_b_boxes(view, tau), largest)
            np.testing.assert_array_equal(protocol_b_boxes(view, tau, multi=True), boxes)


@pytest.mark.parametrize('noise', [0.0, 0.1, 1.0])
def test_all_thresholds_at_the_view(golden, noise):
    _, views, boxes = golden
    rng = np.random.default_rng(3)
    view = (1 - noise) * views[11] + noise * rng.random((224, 224))
    taus = PROTOCOL_B_TAUS[:: 1 if noise < 1 else 50]
    single, multi = direct_ious(view, boxes[11], taus)
    result = protocol_b_ious(view, boxes[11])
    step = len(PROTOCOL_B_TAUS) // len(taus)
    np.testing.assert_array_equal(result.single[::step], single)
    np.testing.assert_array_equal(result.multi[::step], multi)


def test_largest_contour_is_the_first_on_a_tie():
    view = np.zeros((30, 40))
    view[20:25, 2:9] = 1  # 5x7 and 7x5: the same area in cv2's sense
    view[3:10, 30:35] = 1
    view[15:17, 30:39] = 1
    boxes, largest = direct_boxes(view, 0.2)
    assert len(boxes) == 3
    np.testing.assert_array_equal(protocol_b_boxes(view, 0.2), largest)
    # Lines enclose no area at all: all of them tie.
    view = np.zeros((30, 40))
    view[3, 5:20] = view[10, 2:38] = view[20:29, 7] = 1
    np.testing.assert_array_equal(protocol_b_boxes(view, 0.2), direct_boxes(view, 0.2)[1])


def test_holes_count_as_boxes():
    view = np.ones((40, 40))
    view[10:20, 10:20] = 0
    found = protocol_b_boxes(view, 0.5, multi=True).tolist()
    # A hole's contour runs on the object's pixels around it.
    assert sorted(found) == [[0, 0, 39, 39], [9, 9, 21, 21]]
    ious = protocol_b_ious(view, [[9, 9, 21, 21]], np.array([0.5]))
    assert ious.multi.tolist() == [1.0]
    assert ious.single.tolist() == [13 * 13 / 1600]


def test_threshold_is_truncated_in_float64():
    """At the greatest value 200, τ = 0.145 gives 28.999999999999996 and so 28."""
    view = np.zeros((9, 9))
    view[0, 0], view[4:8, 4:8] = 200.5 / 255, 29.5 / 255
    gray = (view * 255).astype(np.uint8)
    assert (gray.max(), gray[4, 4]) == (200, 29)
    assert int(PROTOCOL_B_TAUS[145] * 200) == 28
    assert len(protocol_b_boxes(view, PROTOCOL_B_TAUS[145], multi=True)) == 2
    assert len(protocol_b_boxes(view, PROTOCOL_B_TAUS[146], multi=True)) == 1


def test_best_of_several_boxes():
    view = np.zeros((50, 50))
    view[5:20, 5:20] = 1
    gt = [[30, 30, 40, 40], [5, 5, 20, 20]]
    result = protocol_b_ious(view, gt)
    assert (result.single == 1).all()
    assert (protocol_b_ious(view, gt[:1]).single == 0).all()


def test_a_map_of_zeros_predicts_the_first_pixel():
    result = protocol_b_ious(np.zeros((20, 20)), [[0, 0, 3, 3]])
    assert (result.single == 1 / 16).all()
    assert (result.multi == 1 / 16).all()
    np.testing.assert_array_equal(protocol_b_boxes(np.zeros((20, 20)), 0.3), [[0, 0, 0, 0]])


def test_map_is_resized_then_normalised():
    rng = np.random.default_rng(0)
    m = rng.normal(size=(7, 9)).astype(np.float32)
    view, constant = protocol_b_map(m, (30, 40))
    resized = cv2.resize(m.astype(np.float64), (40, 30), interpolation=cv2.INTER_CUBIC)
    expected = (resized - resized.min()) / (resized.max() - resized.min())
    np.testing.assert_array_equal(view, expected)
    assert (view.dtype, view.min(), view.max(), constant) == (np.float64, 0, 1, False)


@pytest.mark.parametrize('value', [0.0, 0.1, 1 / 3, -7.7])
def test_constant_map(value):
    view, constant = protocol_b_map(np.full((28, 28), value), (224, 224))
    assert constant
    np.testing.assert_array_equal(view, np.zeros((224, 224)))


def test_map_without_normalization_is_left_alone():
    m = np.random.default_rng(0).random((5, 6)).astype(np.float32) * 0.5
    view, constant = protocol_b_map(m, (5, 6), normalize=False)
    np.testing.assert_array_equal(view, m.astype(np.float64))
    assert not constant
    assert protocol_b_map(np.full((5, 6), 0.5), (5, 6), normalize=False)[1]


@pytest.mark.parametrize(
    ('values', 'normalize', 'message'),
    [
        (np.full((4, 4), np.nan), True, 'NaN'),
        (np.array([[0, np.inf]]), True, 'infinite'),
        (np.array([[1.7e308, -1.7e308], [0, 0]]), True, 'too far apart'),
        (np.array([[0, 1.79e308, 1.79e308, 0]]), True, 'too far apart'),  # where it is resized
        (np.array([[0, np.nan]]), False, 'NaN'),
        (np.zeros((2, 4, 4)), True, r'\(h, w\)'),
        (np.zeros((0, 4)), True, r'\(h, w\)'),
        (np.zeros((3, 4)), False, 'shape'),
        (np.full((4, 4), 1.0001), False, r'\[0, 1\]'),
        (np.full((4, 4), -1e-9), False, r'\[0, 1\]'),
    ],
)
def test_bad_maps(values, normalize, message):
    with pytest.raises(ValueError, match=message):
        protocol_b_map(values, (4, 4), normalize)


def test_bad_arguments():
    with pytest.raises(ValueError, match='no ground-truth box'):
        protocol_b_ious(np.zeros((4, 4)), np.zeros((0, 4)))
    for view in (np.full((4, 4), 1.5), np.full((4, 4), np.nan), np.full((4, 4), -0.1)):
        with pytest.raises(ValueError, match=r'\[0, 1\]'):
            protocol_b_ious(view, [[0, 0, 1, 1]])
    for taus in ([], [1.0], [-0.1], [0.2, 0.1]):
        with pytest.raises(ValueError, match='taus'):
            protocol_b_ious(np.zeros((4, 4)), [[0, 0, 1, 1]], np.array(taus))


@pytest.mark.parametrize('shape', [(16,), (1, 4, 4), (0, 4)])
def test_views_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r'\(H, W\)'):
        protocol_b_ious(np.zeros(shape), [[0, 0, 1, 1]])
    with pytest.raises(ValueError, match=r'\(H, W\)'):
        protocol_b_boxes(np.zeros(shape), 0.5)


def test_a_view_of_half_precision_is_computed_in_float64():
    view = np.linspace(0, 1, 400).astype(np.float16).reshape(20, 20)
    # Times 255 in float16, some of these are rounded up to the next level.
    assert (np.uint8(view * np.float16(255)) != np.uint8(view.astype(np.float64) * 255)).any()
    gt = [[3, 4, 12, 15]]
    single, multi = direct_ious(view.astype(np.float64), gt, PROTOCOL_B_TAUS)
    result = protocol_b_ious(view, gt)
    np.testing.assert_array_equal(result.single, single)
    np.testing.assert_array_equal(result.multi, multi)


@pytest.mark.parametrize(
    'values', [np.array([[0.0], [1.0]]), np.full((4, 4), 0.3)], ids=['once resized', 'as given']
)
def test_a_constant_map_has_the_size_of_the_view(values):
    view, constant = protocol_b_map(values, (1, 3))
    np.testing.assert_array_equal(view, np.zeros((1, 3)))
    assert constant
