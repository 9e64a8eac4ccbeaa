"""Class masks from COCO's polygons; whole sets are in test_tools/test_label_list_converters.py."""

import numpy as np
import pytest

from bas_mm.datasets.coco_masks import class_mask_of

pytest.importorskip('pycocotools', reason='the extra `coco` is not installed')


def test_three_points_have_an_area_and_two_have_none():
    """Four numbers would be a box to pycocotools."""
    points, triangle = [[1, 1, 5, 5]], [[0, 0, 6, 0, 0, 6]]
    assert not class_mask_of([(0, points, False)], 8, 10).any()
    mask = class_mask_of([(0, points, False), (2, triangle, False)], 8, 10)
    assert np.unique(mask).tolist() == [0, 3]
