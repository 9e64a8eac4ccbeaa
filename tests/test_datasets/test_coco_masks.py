"""Class masks from COCO's polygons; whole sets are in test_tools/test_label_list_converters.py."""

import numpy as np
import pytest

from bas_mm.datasets.coco_masks import CocoObject, class_mask_of

masks = pytest.importorskip('pycocotools.mask', reason='the extra `coco` is not installed')


def test_three_points_have_an_area_and_two_have_none():
    """Four numbers would be a box to pycocotools."""
    points, triangle = [[1, 1, 5, 5]], [[0, 0, 6, 0, 0, 6]]
    assert not class_mask_of([CocoObject(0, points, False)], 8, 10).any()
    mask = class_mask_of([CocoObject(0, points, False), CocoObject(2, triangle, False)], 8, 10)
    assert np.unique(mask).tolist() == [0, 3]


def test_compressed_run_lengths_are_those_that_pycocotools_writes():
    rng = np.random.default_rng(0)
    for size in ((1, 1), (7, 9), (300, 200)):
        for share in (0, 0.02, 0.5, 1):
            wanted = np.asfortranarray((rng.random(size) < share).astype(np.uint8))
            # Long runs too: their differences take several characters.
            wanted[:, : size[1] // 2] = share > 0.1
            runs = masks.encode(wanted)
            runs['counts'] = runs['counts'].decode()
            painted = class_mask_of([CocoObject(4, runs, False)], *size)
            np.testing.assert_array_equal(painted, 5 * wanted)


@pytest.mark.parametrize(
    ('segmentation', 'message'),
    [
        (dict(size=[3, 4]), 'have no counts'),
        (dict(size=[3, 4], counts=[6, '6']), 'have no counts'),
        (dict(size=[3, 4], counts=[6.0, 6.0]), 'have no counts'),
        (dict(size=[3, 4], counts=[-2, 14]), 'have the negative count -2'),
        (dict(size=[3, 4], counts=[6, 5]), 'cover 11 pixels, but the picture has 12'),
        (dict(size=[3, 4], counts=[6, 7]), 'cover 13 pixels, but the picture has 12'),
        (dict(size=[3, 4], counts=[]), 'cover 0 pixels, but'),
        (dict(size=[3, 4], counts='65'), 'cover 11 pixels, but'),
        (dict(size=[3, 4], counts='6 '), "have the character ' ' in their counts"),
        (dict(size=[3, 4], counts='6P'), 'are cut short'),
        (dict(size=7, counts=[12]), 'are for 7, not for'),
        (dict(counts=[12]), 'are for None, not for'),
        ([[0, 0, 3, 0, 3]], 'is no list x, y'),
        ([0, 0, 3, 0, 3, 3], 'is no list x, y'),
        ([[[0, 0], [3, 0], [3, 3]]], 'is no list x, y'),
        ([[[0, 0], [3], 3, 3]], 'is no list x, y'),
        ([[0, 0, 3, 0, 3, '3']], 'coordinate that is no number'),
        ([[0, 0, 3, 0, 3, float('nan')]], 'coordinate that is no number'),
        ([[0, 0, 3, 0, 3, 1e9]], 'or far outside'),
        ([[0, 0, 3, 0, 3, None]], 'coordinate that is no number'),
    ],
)
def test_what_cannot_be_painted_is_told_with_its_id(segmentation, message):
    good = CocoObject(0, [[0, 0, 6, 0, 0, 6]], False, 8)
    with pytest.raises(ValueError, match=rf'^annotation 17 cannot be painted: .*{message}'):
        class_mask_of([good, CocoObject(0, segmentation, False, 17)], 3, 4)
