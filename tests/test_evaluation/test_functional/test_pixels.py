"""Pixel metrics against the golden figures and against np.histogram."""

import json

import cv2
import numpy as np
import pytest

from bas_mm.evaluation.functional import (
    PIXEL_EDGES,
    best_pixel_iou,
    pixel_curve,
    pixel_figures,
    pixel_histograms,
    view_mask,
)


def direct_histograms(view, mask):
    return np.stack([np.histogram(view[mask == value], PIXEL_EDGES)[0] for value in (1, 0)])


@pytest.fixture(scope='module')
def golden(golden_dir, golden_formula):
    figures = json.loads((golden_dir / 'eval.json').read_text())
    maps, _, masks, *_ = golden_formula.make_score_maps(figures['N'], figures['seed'])
    views = []
    for m in maps.astype(np.float64):
        m = (m - m.min()) / (m.max() - m.min())
        views.append(np.clip(cv2.resize(m, (224, 224)), 0, 1))
    return figures['wsoleval'], views, masks


def test_golden_figures(golden):
    expected, views, masks = golden
    total = sum(pixel_histograms(view, mask) for view, mask in zip(views, masks))
    figures = pixel_figures(total)
    assert figures.pxap == pytest.approx(expected['pxap'], abs=1e-9)
    assert figures.piou == pytest.approx(expected['piou'], abs=1e-9)


def test_edges():
    assert len(PIXEL_EDGES) == 1003
    np.testing.assert_array_equal(PIXEL_EDGES[:1000], np.arange(0, 1, 0.001))
    np.testing.assert_array_equal(PIXEL_EDGES[1000:], [1, 2, 3])


def test_values_at_the_edges_and_next_to_them():
    """Every edge and its eight neighbours in float64 on either side."""
    values = [PIXEL_EDGES[:1001]]
    below = above = values[0]
    for _ in range(8):
        below, above = np.nextafter(below, -1), np.nextafter(above, 2)
        values += [below, above]
    # Decimal fractions as users write them, and quotients: near edges in other ways.
    values += [np.arange(1001) / 1000, np.linspace(0, 1, 1001), np.arange(256) / 255]
    view = np.concatenate(values)
    view = view[(view >= 0) & (view <= 1)][:, None]
    for mask in (np.zeros(view.shape, np.uint8), np.ones(view.shape, np.uint8)):
        histograms = pixel_histograms(view, mask)
        np.testing.assert_array_equal(histograms, direct_histograms(view, mask))
        assert histograms.sum() == view.size
        assert histograms.dtype == np.int64


@pytest.mark.parametrize('seed', range(5))
def test_random_maps(seed):
    rng = np.random.default_rng(seed)
    view = rng.random((60, 70)) if seed % 2 else rng.integers(0, 1001, (60, 70)) * 0.001
    view = np.minimum(view, 1)
    mask = rng.choice(np.array([0, 1, 255], np.uint8), (60, 70))
    histograms = pixel_histograms(view, mask)
    np.testing.assert_array_equal(histograms, direct_histograms(view, mask))
    assert histograms.sum() == (mask != 255).sum()


def test_figures_from_first_principles():
    rng = np.random.default_rng(0)
    view, mask = rng.random((20, 20)), rng.choice(np.array([0, 1, 1, 255], np.uint8), (20, 20))
    view[0, :5] = 1
    figures = pixel_figures(pixel_histograms(view, mask))
    score, truth = view[mask != 255], mask[mask != 255] == 1
    area, ious, recall = 0.0, {}, 0.0
    curve = pixel_curve(pixel_histograms(view, mask))
    assert curve.thresholds.tolist() == PIXEL_EDGES[-2::-1].tolist()
    for i, edge in enumerate(PIXEL_EDGES[-2::-1]):
        chosen = score >= edge
        tp, fp = (chosen & truth).sum(), (chosen & ~truth).sum()
        assert curve.predicted[i] == chosen.sum()
        assert curve.precision[i] == (tp / chosen.sum() if chosen.any() else 0)
        assert curve.recall[i] == tp / truth.sum()
        assert curve.iou[i] == tp / (truth.sum() + fp)
        ious[float(edge)] = tp / (truth.sum() + fp) * 100
        if edge < 2 and chosen.any():
            area += tp / (tp + fp) * (tp / truth.sum() - recall)
        recall = tp / truth.sum()
    assert figures.pxap == pytest.approx(area * 100, abs=1e-9)
    assert figures.piou == pytest.approx(max(ious.values()), abs=1e-9)
    assert ious[figures.piou_threshold] == figures.piou
    assert best_pixel_iou(pixel_histograms(view, mask)) * 100 == figures.piou


def test_a_perfect_and_a_reversed_map():
    mask = np.zeros((10, 10), np.uint8)
    mask[2:6, 3:8] = 1
    perfect = pixel_figures(pixel_histograms(mask.astype(float), mask))
    assert (perfect.pxap, perfect.piou) == (100, 100)
    reverse = pixel_figures(pixel_histograms(1.0 - mask, mask))
    assert reverse.pxap == pytest.approx(20)
    assert reverse.piou == pytest.approx(20)


def test_of_several_thresholds_of_the_best_iou_the_greatest():
    mask = np.zeros((2, 4), np.uint8)
    mask[0] = 1
    # Nothing lies between 0.3 and 0.8: all thresholds above 0.3 find the object and no more.
    figures = pixel_figures(pixel_histograms(np.where(mask, 0.8, 0.3), mask))
    assert figures.piou == 100
    assert figures.piou_threshold == 0.8
    # Two sets of pixels of one IoU: a half of the object, and it all with as many others.
    view = np.array([[0.9, 0.9, 0.4, 0.4], [0.4, 0.4, 0.4, 0.4]])
    figures = pixel_figures(pixel_histograms(view, mask))
    assert figures.piou == 50
    assert figures.piou_threshold == 0.9


def test_no_object_pixel_in_the_whole_set():
    empty = pixel_histograms(np.ones((4, 4)), np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match='object pixel'):
        pixel_figures(empty)
    assert best_pixel_iou(empty) is None
    one = pixel_histograms(np.ones((4, 4)), np.ones((4, 4), np.uint8))
    assert pixel_figures(empty + one).piou == 50


@pytest.mark.parametrize(
    ('view', 'mask', 'message'),
    [
        (np.zeros((4, 4)), np.zeros((4, 5), np.uint8), 'shape'),
        (np.zeros((4, 4)), np.full((4, 4), 2, np.uint8), 'values 0, 1 and 255'),
        (np.zeros((4, 4)), np.zeros((4, 4)), 'uint8'),
        (np.full((4, 4), np.nan), np.zeros((4, 4), np.uint8), r'\[0, 1\]'),
        (np.full((4, 4), 1.5), np.zeros((4, 4), np.uint8), r'\[0, 1\]'),
        (np.full((4, 4), -0.5), np.zeros((4, 4), np.uint8), r'\[0, 1\]'),
    ],
)
def test_bad_arguments(view, mask, message):
    with pytest.raises(ValueError, match=message):
        pixel_histograms(view, mask)


def test_view_mask():
    first, second = np.zeros((100, 80), np.uint8), np.zeros((50, 40), bool)
    first[:50, :40] = 255
    second[25:, 20:] = True
    ignore = np.full((100, 80), 7, np.int64)
    ignore[50:, :40] = 0
    mask = view_mask([first, second], ignore, (20, 16))
    expected = np.zeros((20, 16), np.uint8)
    expected[:10, :8] = expected[10:, 8:] = 1
    expected[:10, 8:] = 255
    np.testing.assert_array_equal(mask, expected)
    assert mask.dtype == np.uint8
    assert (view_mask([first, second], None, (20, 16)) != 255).all()


def test_view_mask_takes_the_nearest_pixel():
    rng = np.random.default_rng(0)
    mask = (rng.random((37, 53)) < 0.5).astype(np.uint8)
    expected = cv2.resize(mask, (224, 224), interpolation=cv2.INTER_NEAREST)
    np.testing.assert_array_equal(view_mask([mask]), expected)


def test_bad_masks():
    with pytest.raises(ValueError, match='no mask'):
        view_mask([])
    with pytest.raises(ValueError, match=r'\(h, w\)'):
        view_mask([np.zeros((4, 4, 3))])


def test_a_single_pixel_above_all_others():
    mask = np.zeros((2, 3), np.uint8)
    mask[0] = 1
    curve = pixel_curve(pixel_histograms(np.array([[0.9, 0.5, 0.5], [0.1, 0.1, 0.1]]), mask))
    ones = curve.predicted == 1
    assert ones.any()
    assert (curve.precision[ones] == 1).all()


def test_best_iou_where_the_object_lies_in_the_lowest_bin():
    mask = np.array([[1, 1, 1, 0, 0, 0]], np.uint8)
    assert best_pixel_iou(pixel_histograms(np.zeros((1, 6)), mask)) == 3 / 6
    # The first pixel alone: 1 of 3. All of them: 3 of 6.
    assert best_pixel_iou(pixel_histograms(np.eye(1, 6), mask)) == 3 / 6
