"""Protocol A against the golden figures."""

import importlib.util
import json

import numpy as np
import pytest

from bas_mm.evaluation.functional import (
    PROTOCOL_A_THRESHOLDS,
    choose_threshold,
    class_ranks,
    figure_at,
    normalize_map,
    protocol_a_box,
    protocol_a_boxes,
    protocol_a_counts,
    protocol_a_ious,
    protocol_a_map,
    resize_map,
)


@pytest.fixture(scope='module')
def golden(golden_dir):
    spec = importlib.util.spec_from_file_location('golden_formula', golden_dir / 'formula.py')
    formula = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(formula)
    figures = json.loads((golden_dir / 'eval.json').read_text())
    return figures, formula.make_score_maps(figures['N'], figures['seed'])


def test_golden_figures_and_boxes(golden):
    figures, (maps, boxes, _, logits, labels) = golden
    rows = figures['bas']
    thresholds = [row['thr'] for row in rows]
    ious = np.stack([protocol_a_ious(m, b, thresholds) for m, b in zip(maps, boxes)])
    counts = protocol_a_counts(ious, class_ranks(logits, labels))
    names = {
        'gt_known': 'gt_known',
        'top1': 'top1_loc',
        'top5': 'top5_loc',
        'iou30': 'iou_30',
        'iou70': 'iou_70',
    }
    assert len(rows) >= 6
    for t, row in enumerate(rows):
        for theirs, ours in names.items():
            assert counts[ours][t] / len(maps) * 100 == pytest.approx(row[theirs], abs=1e-9)
        predicted = [protocol_a_boxes(m, [row['thr']])[0].tolist() for m in maps[:8]]
        assert predicted == row['first_boxes']
    assert (counts['iou_50'] == counts['gt_known']).all()


def test_predicted_corner_is_one_past_the_last_pixel():
    m = np.zeros((28, 28), np.float32)
    m[10:14, 8:20] = 1
    # At the map's own size nothing is resized: the box is read off.
    np.testing.assert_array_equal(protocol_a_boxes(m, [0.5], (28, 28)), [[8, 10, 20, 14]])
    # True box of the very pixels: 12x4 against 13x5, as the protocol has it.
    iou = protocol_a_ious(m, [[8, 10, 19, 13]], [0.5], (28, 28))
    assert iou.tolist() == [48 / 65]


def test_best_of_several_boxes_and_thresholds():
    m = np.zeros((28, 28), np.float32)
    m[2:10, 2:10] = 1
    m[2:20, 2:20][8:] = 0.3
    gt = np.array([[2, 2, 10, 10], [20, 20, 27, 27]])
    ious = protocol_a_ious(m, gt, [0.5, 0.1], (28, 28))
    assert ious[0] == 1
    assert ious[1] < 0.5
    np.testing.assert_array_equal(ious, protocol_a_ious(m, gt[::-1], [0.5, 0.1], (28, 28)))


def test_a_box_says_whether_anything_was_found():
    m = np.random.default_rng(0).random((28, 28))
    view_map = protocol_a_map(m, (100, 120))
    np.testing.assert_array_equal(view_map, resize_map(normalize_map(m), (100, 120)))
    highest = float(view_map.max())
    thresholds = [0.1, 0.6, np.nextafter(np.float32(highest), np.float32(0)), highest, 0.9999]
    boxes = protocol_a_boxes(m, thresholds, (100, 120))
    for theta, box, found in zip(thresholds, boxes, [True, True, True, False, False]):
        own, above = protocol_a_box(view_map, theta)
        np.testing.assert_array_equal(own, box)
        assert above is found
        assert found or own.tolist() == [0, 0, 120, 100]


def test_constant_map_predicts_the_whole_view():
    boxes = protocol_a_boxes(np.full((28, 28), 0.7), [0.0, 0.9], (100, 120))
    np.testing.assert_array_equal(boxes, [[0, 0, 120, 100]] * 2)


def test_no_box_is_an_error():
    with pytest.raises(ValueError, match='no ground-truth box'):
        protocol_a_ious(np.zeros((28, 28)), np.zeros((0, 4)), [0.1])


@pytest.mark.parametrize(('ious', 'ranks'), [(np.ones(3), 3), (np.ones((3, 2)), 2)])
def test_counts_of_other_shapes(ious, ranks):
    with pytest.raises(ValueError, match=r'ranks \(n,\) are needed'):
        protocol_a_counts(ious, np.zeros(ranks))


def test_counts():
    ious = np.array([[0.5, 0.3], [0.69, 0.7], [0.29, 1.0]])
    counts = protocol_a_counts(ious, np.array([0, 4, 5]))
    assert {k: v.tolist() for k, v in counts.items()} == {
        'top1_loc': [1, 0],
        'top5_loc': [2, 1],
        'gt_known': [2, 2],
        'top1_cls': [1, 1],
        'top5_cls': [2, 2],
        'iou_30': [2, 3],
        'iou_50': [2, 2],
        'iou_70': [0, 2],
    }


def test_choose_threshold_prefers_the_smaller_on_a_tie():
    assert choose_threshold([0.5, 0.1, 0.3], [6, 6, 6]) == 1
    assert choose_threshold([0.5, 0.1, 0.3], [6, 5, 7]) == 2


def test_names_of_figures_tell_close_thresholds_apart():
    assert figure_at('gt_known', 0.15000000000000002) == 'gt_known@0.15'
    assert figure_at('iou', 0.123456789) == 'iou@0.123456789'


def test_the_usual_thresholds_and_the_usual_view():
    decimals = (
        '0.05 0.1 0.15 0.2 0.25 0.3 0.35 0.4 0.45 0.5 0.55 0.6 0.65 0.7 0.75 0.8 0.85 0.9 0.95'
    )
    assert list(PROTOCOL_A_THRESHOLDS) == [float(decimal) for decimal in decimals.split()]
    m, box = np.random.default_rng(0).random((28, 28)), [[30, 40, 150, 160]]
    view, thetas = (224, 224), PROTOCOL_A_THRESHOLDS
    np.testing.assert_array_equal(protocol_a_map(m), protocol_a_map(m, view))
    np.testing.assert_array_equal(protocol_a_boxes(m, thetas), protocol_a_boxes(m, thetas, view))
    ious = protocol_a_ious(m, box, thetas)
    np.testing.assert_array_equal(ious, protocol_a_ious(m, box, thetas, view))
