"""IoU in pixels."""

import numpy as np
import pytest

from bas_mm.evaluation.functional import box_iou


def test_counts_pixels_against_painted_boxes():
    rng = np.random.RandomState(1)
    corners = np.sort(rng.randint(0, 20, (2, 30, 2, 2)), axis=2).reshape(2, 30, 4)

    def paint(box):
        x0, y0, x1, y1 = box
        canvas = np.zeros((20, 20), bool)
        canvas[y0 : y1 + 1, x0 : x1 + 1] = True
        return canvas

    a = np.stack([paint(b) for b in corners[0]])
    b = np.stack([paint(b) for b in corners[1]])
    inter = (a[:, None] & b[None]).sum((2, 3))
    union = (a[:, None] | b[None]).sum((2, 3))
    result = box_iou(corners[0], corners[1])
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, inter / union)


def test_boxes_that_touch_share_a_column():
    # Apart by one column: nothing in common. With one common column: 2 of 6 pixels' columns.
    assert box_iou([[0, 0, 1, 0]], [[2, 0, 3, 0]]) == 0
    assert box_iou([[0, 0, 2, 0]], [[2, 0, 4, 0]]) == 1 / 5
    # Apart on both axes: two negative overlaps must not multiply to a positive one.
    assert box_iou([[0, 0, 1, 1]], [[5, 5, 6, 6]]) == 0


def test_empty_and_wrong_shapes():
    assert box_iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    with pytest.raises(ValueError, match='boxes_b'):
        box_iou(np.zeros((1, 4)), np.zeros(4))


@pytest.mark.parametrize('kind', [np.uint8, np.float32])
def test_boxes_of_other_types_are_computed_in_float64(kind):
    # Bytes would wrap round: differences of boxes that lie apart, and a side of 256.
    boxes = np.array([[0, 0, 1, 1], [1, 1, 2, 2], [5, 5, 6, 6], [0, 0, 255, 2]], dtype=kind)
    expected = [
        [1, 1 / 7, 0, 4 / 768],
        [1 / 7, 1, 0, 4 / 768],
        [0, 0, 1, 0],
        [4 / 768, 4 / 768, 0, 1],
    ]
    np.testing.assert_array_equal(box_iou(boxes, boxes), expected)
